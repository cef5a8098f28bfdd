"""The folders torchvision keeps its datasets in: FashionMNIST/raw, KMNIST/raw, EMNIST/raw with the files of one split."""

from pathlib import Path

from softreg.data.forms.source import Part, ReadOptions, Source, WholeForm, check_no_label
from softreg.data.published import read_published
from softreg.data.registry import PUBLISHED
from softreg.errors import DataError

NAMED = ("emnist-", "qmnist-")
OTHERS = (".", "raw", "gzip")  # the last: EMNIST's archive


class TorchvisionRoot(WholeForm):
    """A root that holds a published dataset: it is read as that, with the names of its classes, and upright."""

    def matches(self, path: Path) -> bool:
        """Whether the files of a published dataset are there."""
        return path.is_dir() and bool(_found(path))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`; a DataError if there are several."""
        check_no_label(path, options)
        found = _found(path)
        if len(found) > 1:
            raise DataError("forms.several", path=path, part="dataset", files=", ".join(found))
        ((name, folder),) = found.items()
        splits = read_published(name, folder)
        train, test = (Part(part.images, part.labels, folder) for part in (splits.train, splits.test))
        return Source(train, test, splits.train.classes)


def _found(path: Path) -> dict[str, Path]:
    """The published datasets whose files are all in this root, with their folders.

    The files of EMNIST and QMNIST are told by their names, in whatever folder they are.
    """
    return {
        name: folder
        for name, dataset in PUBLISHED.items()
        for folder in [path / dataset.folder / "raw", *(path / sub for sub in OTHERS if dataset.files[0].startswith(NAMED))][::-1]
        if all((folder / file).is_file() or (folder / file.removesuffix(".gz")).is_file() for file in dataset.files)
    }
