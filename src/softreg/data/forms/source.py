"""What every reader returns: images and labels as the file has them, before classes are numbered and parts are split."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")  # in this order


@dataclass(frozen=True)
class ReadOptions:
    """How to read a dataset.

    Attributes
    ----------
    size : (height, width) to bring pictures to, or to read rows of pixels as; None takes the commonest size, or a square
    label : the column of the label; "" finds it by its name, or takes the first
    skip_bad : leave out pictures that cannot be read, instead of failing
    """

    size: tuple[int, int] | None = None
    label: str = ""
    skip_bad: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of a dataset, and their labels.

    Attributes
    ----------
    images : uint8 (N, H, W) or (N, H, W, 3)
    labels : int64 (N,) or N names; None if the file has none
    where : the file or folder, for messages
    ids : what to call the images, e.g. file names; () numbers them from 1
    """

    images: Tensor
    labels: Tensor | list[str] | None
    where: object
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset as its files have it.

    Attributes
    ----------
    train, test : None where there are no such files; a single file without a part in its name is `train`
    classes : names by number, if the files have them
    """

    train: Part | None
    test: Part | None
    classes: tuple[str, ...] = ()


class Form(Protocol):
    """A form that datasets come in."""

    def matches(self, path: Path) -> bool:
        """Whether `path` looks like this form; reads little or nothing."""

    def read(self, path: Path, options: ReadOptions) -> Source:
        """All parts, in memory or mapped; a DataError names the file, and the row, that is wrong."""

    def stream(self, path: Path, options: ReadOptions) -> Iterator[Part]:
        """The images to answer for, some at a time: those of the test part if there is one, else all."""


class WholeForm:
    """A form that is read whole; `stream` gives all of the test part, or all there is."""

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""
        raise NotImplementedError

    def stream(self, path: Path, options: ReadOptions) -> Iterator[Part]:
        """See `Form`."""
        source = self.read(path, options)
        part = source.test or source.train
        if part is not None:
            yield part


def files_by_part(folder: Path, suffixes: tuple[str, ...]) -> dict[str, list[Path]]:
    """The files in a folder with one of these suffixes, by the part in their names: {"train": [...], "test": [...]}, sorted.

    A single file that names no part is "train". Of several test parts (test, val) the first in `TEST_NAMES` counts.
    """
    paths = sorted(path for path in folder.iterdir() if path.name.lower().endswith(suffixes) and path.is_file())
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(_part_in(path.name), []).append(path)
    train = next((found[name] for name in TRAIN_NAMES if name in found), [])
    test = next((found[name] for name in TEST_NAMES if name in found), [])
    rest = found.get("", [])
    if not train and len(rest) == 1:
        train = rest
    return {part: files for part, files in (("train", train), ("test", test)) if files}


def _part_in(name: str) -> str:
    """The part that a file's name speaks of: the longest word of either list in it, or ""."""
    words = sorted((*TRAIN_NAMES, *TEST_NAMES), key=len, reverse=True)
    return next((word for word in words if word in name.lower()), "")
