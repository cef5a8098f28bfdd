"""Fetching a dataset into the user's cache, atomically and with checksums.

`SOFTREG_CACHE_DIR` is the cache, `SOFTREG_MIRROR` one or more addresses (separated by spaces) to try before the published ones, and
`SOFTREG_OFFLINE=1` forbids the network. Downloads must have the MD5 that torchvision knows; a file `SHA256SUMS` is written beside
them, and every later reading is checked against it.
"""

import hashlib
import os
import shutil
import ssl
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from softreg._version import __version__
from softreg.data.registry import PUBLISHED, PublishedDataset
from softreg.errors import DataError
from softreg.messages import translate
from softreg.storage.atomic import atomic_directory
from softreg.storage.cache import cache_folder

if TYPE_CHECKING:
    from rich.progress import Progress

SUMS = "SHA256SUMS"
_CHUNK_BYTES = 1 << 20
_MAX_BYTES = 1 << 30  # the largest published file is half of this
_TIMEOUT = 30.0  # seconds without a byte
_BODY_SECONDS = 1800.0  # for a file to arrive whole: a mirror may drip for ever
_FAILURES = (
    URLError,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
    HTTPException,
    ValueError,
)  # of the mirror; other OSErrors are the disk's


@dataclass(frozen=True)
class Source:
    """A published file: its name, its MD5, and the addresses to try, in this order."""

    file: str
    md5: str
    addresses: tuple[str, ...]


def offline() -> bool:
    """Whether the user has forbidden the network."""
    return os.environ.get("SOFTREG_OFFLINE", "").lower() not in {"", "0", "false", "no"}


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
            if _digest(path, "sha256") != known.get(path.name):
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
    with atomic_directory(folder) as temporary, _progress(name, dataset.megabytes, folder) as progress:
        for source in sources(dataset):
            _fetch_one(source, temporary, progress)
        if dataset.folder == "EMNIST":
            _unpack(temporary / sources(dataset)[0].file)
        sums = (f"{_digest(path, 'sha256')}  {path.name}\n" for path in sorted(temporary.iterdir()))
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
    own = [mirror.rstrip("/") for mirror in os.environ.get("SOFTREG_MIRROR", "").split()]
    first = [address for mirror in own for address in (f"{mirror}/{file}", f"{mirror}/{dataset.folder}/{file}")]
    return Source(file, md5, (*first, *published))


def _fetch_one(source: Source, folder: Path, progress: "Progress") -> None:
    """Fetch a file from the first address that has it with the right MD5."""
    path, failures = folder / source.file, []
    for address in source.addresses:
        mirror = address.partition("//")[2].partition("/")[0] or address
        try:
            _download(address, path, progress)
        except _FAILURES as error:
            failures.append(f"{mirror}: {error.reason if type(error) is URLError else error}")
            continue
        if _digest(path, "md5") == source.md5:
            return
        failures.append(translate("data.wrong_md5", mirror=mirror))
    raise DataError("data.not_fetched", file=source.file, why="; ".join(dict.fromkeys(failures)))


def _download(address: str, path: Path, progress: "Progress") -> None:
    """Download `address` into `path`; a ValueError if it is cut off or endless."""
    request = Request(address, headers={"User-Agent": f"softreg/{__version__}"})
    with urlopen(request, timeout=_TIMEOUT) as response, path.open("wb") as file:
        length = _length(response)
        task, received, began = progress.add_task(path.name, total=length), 0, time.monotonic()
        try:
            while chunk := response.read1(_CHUNK_BYTES):
                if time.monotonic() - began > _BODY_SECONDS:
                    raise TimeoutError(translate("data.too_slow", seconds=round(_BODY_SECONDS)))
                file.write(chunk)
                received += len(chunk)
                progress.update(task, completed=received)
                if received > _MAX_BYTES:
                    raise ValueError(translate("data.endless", most=_MAX_BYTES))
        finally:
            progress.remove_task(task)
    if length is not None and received < length:
        raise ValueError(translate("data.cut_off", received=received, length=length))


def _length(response: HTTPResponse) -> int | None:
    declared = response.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


def _unpack(archive: Path) -> None:
    """Extract the `.gz` files of EMNIST's archive beside it, and remove it."""
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if member.filename.endswith(".gz"):
                with packed.open(member) as source, (archive.parent / Path(member.filename).name).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK_BYTES)
    archive.unlink()


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextmanager
def _progress(name: str, megabytes: int, folder: Path) -> Iterator["Progress"]:
    """Print a line on stderr and, if that is a terminal, show a progress bar below it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    console.print(
        translate("data.fetching", name=name, megabytes=megabytes, path=folder), highlight=False, markup=False, soft_wrap=True
    )
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress
