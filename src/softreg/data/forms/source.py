"""What every reader returns: images and labels as the file has them, before classes are numbered and parts are split."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from softreg.data.image_store import take
from softreg.errors import DataError

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")  # in this order


@dataclass(frozen=True)
class ReadOptions:
    """How to read a dataset.

    Attributes
    ----------
    size : (height, width) to bring pictures to, or to read rows of pixels as; None takes the commonest size, or a square
    label : the column, or array, of the label; "" finds it by its name, or takes the first
    skip_bad : leave out pictures that cannot be read, instead of failing
    split : the column that says which images are for training ("train") and which for testing; "" takes the files' parts
    group : the column of what must not be divided between training and testing, e.g. the writer; "" if there is none
    image_shape : (H, W) or (H, W, 3) that pictures are brought to, those of a model; None takes `size`, and grey if all are grey
    embeddings : whether rows of numbers are embeddings, and not pixels; None decides by what they are (`softreg.data.embeddings`)
    strict : whether columns that are asked for must be there; not in data that is only evaluated on, or predicted
    """

    size: tuple[int, int] | None = None
    label: str = ""
    skip_bad: bool = False
    split: str = ""
    group: str = ""
    image_shape: tuple[int, ...] | None = None
    embeddings: bool | None = None
    strict: bool = True

    def for_model(self, image_shape: tuple[int, ...]) -> "ReadOptions":
        """The options for data that a model of such images, or of embeddings (D,), is asked about."""
        return replace(self, image_shape=image_shape, embeddings=len(image_shape) == 1)


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of a dataset, and what their rows of a table say of them.

    Attributes
    ----------
    images : uint8 (N, H, W) or (N, H, W, 3), or embeddings (N, D)
    labels : int64 (N,) or N names; None if the file has none
    where : the file or folder, for messages
    ids : what to call the images, e.g. file names; () numbers them from 1
    lines : int64 (N,), the lines or rows of the file that they are in; None if they are files, or one array
    splits, groups : what the columns that were asked for say, N texts each; None if none was
    share, classes : of a stream: how much of it has been read with this part, 1 at the end; `Source.classes`
    """

    images: Tensor
    labels: Tensor | list[str] | None
    where: object
    ids: Sequence[str] = ()
    lines: Tensor | None = None
    splits: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    share: float = 1.0
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Tensor) -> "Part":
        index = rows.tolist()
        labels = self.labels[rows] if isinstance(self.labels, Tensor) else self.labels and [self.labels[row] for row in index]
        lines = None if self.lines is None else self.lines[rows]
        ids, splits, groups = (texts and [texts[row] for row in index] for texts in (self.ids, self.splits, self.groups))
        images = take(self.images, rows)
        return replace(self, images=images, labels=labels, ids=ids or (), lines=lines, splits=splits, groups=groups)

    def sides(self) -> tuple[list[int], list[int]]:
        """The rows for training and for testing, by `splits`; a DataError names a row that is for neither."""
        rows: dict[str, list[int]] = {"train": [], "test": []}
        for row, text in enumerate(self.splits or ()):
            side = side_of(text)
            if side is None:
                place = row + 1 if self.lines is None else int(self.lines[row])
                raise DataError("forms.no_side", path=self.where, row=place, found=text)
            rows[side].append(row)
        return rows["train"], rows["test"]


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

    def split(self) -> "Source":
        """The source with its images divided as their column says, where one was asked for.

        Raises
        ------
        DataError
            If no image is for training, or one is for neither.
        """
        part = self.train or self.test
        if part is None or part.splits is None:
            return self
        train, test = (part[torch.tensor(rows, dtype=torch.int64)] if rows else None for rows in part.sides())
        return Source(train, test, self.classes)


def side_of(text: str) -> str | None:
    """The part that a cell such as "Training", "val" or "PublicTest" speaks of: train or test; None of another."""
    part = _part_in(text)
    return "train" if part in TRAIN_NAMES else "test" if part else None


class Form(Protocol):
    """A form that datasets come in."""

    def matches(self, path: Path) -> bool:
        """Whether `path` looks like this form; reads little or nothing."""

    def read(self, path: Path, options: ReadOptions) -> Source:
        """All parts, in memory or mapped; a DataError names the file, and the row, that is wrong."""

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """The images of a part, some at a time; by default those to answer for: the test part if there is one, else all."""


def check_no_label(path: object, options: ReadOptions) -> None:
    """Raise a DataError if a label is asked for by its name, of a form that has no names."""
    if options.label and options.strict:
        raise DataError("forms.label_without_columns", path=path, label=options.label)


class WholeForm(ABC):
    """A form that is read whole; `stream` gives all of the test part, or all there is."""

    @abstractmethod
    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`."""
        source = self.read(path, options).split()
        chosen = {"train": source.train, "test": source.test}[part] if part else source.test or source.train
        if chosen is not None:
            yield replace(chosen, classes=source.classes)


Chosen = TypeVar("Chosen")


def choose(parts: Mapping[str, Chosen], part: str, *, divided: bool) -> Chosen | None:
    """What a stream of a part goes through: its own file or, if a column divides the training file, that."""
    if not part:
        return parts.get("test") or parts.get("train")
    return (parts.get("train") or parts.get("test")) if divided else parts.get(part)


def rows_of_side(chunk: Part, part: str) -> Iterator[Part]:
    """The rows of a chunk that its column of parts gives to the part (by default the test part), if there are any."""
    if chunk.splits is None:
        yield chunk
        return
    rows = chunk.sides()[0 if part == "train" else 1]
    if rows:
        yield chunk[torch.tensor(rows)]


def files_by_part(folder: Path, suffixes: tuple[str, ...], *, shards: bool = False) -> dict[str, list[Path]]:
    """The files in a folder with one of these suffixes, by the part in their names: {"train": [...], "test": [...]}, sorted.

    A single file that names no part is "train"; so are several if they are `shards`. Of several test parts (test, val) the first in
    `TEST_NAMES` counts.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.lower().endswith(suffixes) and entry.is_file())
    paths = [folder / name for name in names]
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(_part_in(path.name), []).append(path)
    train = next((found[name] for name in TRAIN_NAMES if name in found), [])
    test = next((found[name] for name in TEST_NAMES if name in found), [])
    rest = found.get("", [])
    if not train and (len(rest) == 1 or shards):
        train = rest
    return {part: files for part, files in (("train", train), ("test", test)) if files}


def one_file(folder: Path, part: str, files: Sequence[Path]) -> Path:
    """The file of a part; a DataError lists them if there are several."""
    if len(files) > 1:
        raise DataError("forms.several", path=folder, part=part, files=", ".join(file.name for file in files[:5]))
    return files[0]


def words_of(name: str) -> list[str]:
    """The words of a folder's name: seg_train -> seg, train."""
    return re.findall(r"[^\W_]+", name.lower())


def _part_in(name: str) -> str:
    """The part that a file's name speaks of: the longest word of either list in it, or ""."""
    words = sorted((*TRAIN_NAMES, *TEST_NAMES), key=len, reverse=True)
    return next((word for word in words if word in name.lower()), "")
