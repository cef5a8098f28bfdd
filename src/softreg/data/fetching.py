"""Fetching a dataset into the user's cache, atomically and with checksums.

`SOFTREG_CACHE_DIR` is the cache. Downloads (`softreg.data.download`) must have the MD5 that torchvision knows; a file `SHA256SUMS`
is written beside them, and every later reading is checked against it.
"""

import shutil
import zipfile
from pathlib import Path

from softreg.data.download import Source, addresses, download, download_progress, file_digest, offline
from softreg.data.registry import PUBLISHED, PublishedDataset
from softreg.errors import DataError
from softreg.messages import translate
from softreg.storage.atomic import atomic_directory
from softreg.storage.cache import cache_folder

SUMS = "SHA256SUMS"
_CHUNK_BYTES = 1 << 20


def fetched_folder(name: str) -> Path | None:
    """The folder of a dataset that has been fetched, or None."""
    folder = cache_folder() / PUBLISHED[name].folder
    return folder if (folder / SUMS).is_file() else None


def fetch(name: str) -> Path:
    """The folder with the verified files of a dataset, fetched if they are missing or damaged.

    Raises
    ------
    DataError
        If no mirror has the published files, the network is forbidden, or the cache cannot be written; nothing is left behind.
    """
    from softreg.storage.locking import locked

    folder = cache_folder() / PUBLISHED[name].folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not _intact(name):
                if offline():
                    raise DataError("data.offline", name=name)
                _fetch_all(name, folder)
    except OSError as error:
        raise DataError("data.cache", path=error.filename or folder.parent, why=error.strerror or error) from error
    return folder


def verify(name: str, folder: Path) -> None:
    """Check the files of a fetched dataset against the SHA-256 recorded when they were fetched.

    Raises
    ------
    DataError
        Naming the first file that is missing or changed.
    """
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        known = {file: digest for digest, _, file in (line.partition("  ") for line in lines)}
        for path in (folder / file for file in PUBLISHED[name].files):
            if file_digest(path, "sha256") != known.get(path.name):
                raise DataError("data.cache_damaged", path=path, name=name)
    except OSError as error:
        raise DataError("data.cache_damaged", path=path, name=name) from error


def _intact(name: str) -> bool:
    folder = fetched_folder(name)
    if folder is None:
        return False
    try:
        verify(name, folder)
    except DataError:
        return False
    return True


def _fetch_all(name: str, folder: Path) -> None:
    """Fetch the files of a dataset and move their folder into place. The caller holds the lock."""
    dataset = PUBLISHED[name]
    sentence = translate("data.fetching", name=name, megabytes=dataset.megabytes, path=folder)
    with atomic_directory(folder) as temporary, download_progress(sentence) as progress:
        for source in sources(dataset):
            download(source, temporary, progress)
        if dataset.folder == "EMNIST":
            _unpack(temporary / sources(dataset)[0].file)
        sums = (f"{file_digest(path, 'sha256')}  {path.name}\n" for path in sorted(temporary.iterdir()))
        (temporary / SUMS).write_text("".join(sums), encoding="utf-8")


def sources(dataset: PublishedDataset) -> tuple[Source, ...]:
    """The files to fetch, from torchvision's tables; the user's own mirrors come before the published ones."""
    from torchvision import datasets

    known = getattr(datasets, dataset.folder)
    if dataset.folder == "EMNIST":
        published = [(known.url, known.md5)]
    elif dataset.folder == "QMNIST":
        published = known.resources["train"] + known.resources["test"]
    elif dataset.folder == "USPS":
        published = [(url, md5) for url, _, md5 in known.split_list.values()]
    else:
        return tuple(_source(file, md5, [f"{mirror}{file}" for mirror in known.mirrors], dataset) for file, md5 in known.resources)
    return tuple(_source(url.rpartition("/")[2], md5, [url], dataset) for url, md5 in published)


def _source(file: str, md5: str, published: list[str], dataset: PublishedDataset) -> Source:
    return Source(file, md5, addresses(file, published, dataset.folder))


def _unpack(archive: Path) -> None:
    """Extract the `.gz` files of EMNIST's archive beside it, and remove it."""
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if member.filename.endswith(".gz"):
                with packed.open(member) as source, (archive.parent / Path(member.filename).name).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK_BYTES)
    archive.unlink()
