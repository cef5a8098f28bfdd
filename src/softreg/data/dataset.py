"""Datasets: images, or embeddings of them, with labels and class names, checked when they are put together."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from softreg.data.image_store import take
from softreg.data.memory_map import evenly_spaced, is_mapped, update_digest
from softreg.errors import DataError
from softreg.messages.strangers import has_controls

MIN_SIDE, MAX_SIDE = 8, 1024  # pixels
EMBEDDING_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
FINGERPRINTED = 4096  # images
MAX_DIM = 2**20  # numbers of an embedding
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the N images of a dataset come from, to name one of them.

    Attributes
    ----------
    where : the file or folder
    ids : the N names of files in it; () if it is one file
    lines : int64 (N,), the lines or rows of the file; None if there are none
    """

    where: str
    ids: Sequence[str] = ()
    lines: Tensor | None = None

    def __getitem__(self, rows: slice | Tensor) -> "Origin":
        ids = self.ids[rows] if isinstance(rows, slice) else self.ids and [self.ids[row] for row in rows.tolist()]
        return Origin(self.where, ids, None if self.lines is None else self.lines[rows])

    def name_of(self, index: int) -> str | None:
        """The file of an image, or the file and the line: "train.csv:17"; None if all are in one array."""
        if self.lines is not None:
            return f"{self.where}:{int(self.lines[index])}"
        return str(Path(self.where, self.ids[index])) if self.ids else None


@dataclass(frozen=True, eq=False)
class Dataset:
    """N labelled images of C classes.

    Attributes
    ----------
    images : uint8 (N, H, W) grey or (N, H, W, 3) colour, 8 to 1024 pixels a side; or embeddings (N, D) of
        float16, bfloat16 or float32
    labels : int64 (N,), each in 0 .. C-1; other integer types are converted
    classes : the C names, in the order of the labels
    name : e.g. "mnist"; errors begin with it
    origin : where the images come from; None if that is unknown
    groups : int64 (N,), images with the same number are never divided between training and testing; None if there are none

    Raises
    ------
    DataError
        If one of them is not as above, or images and labels do not go together.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    origin: Origin | None = None
    groups: Tensor | None = None

    def __post_init__(self) -> None:
        check_rows(self.images, self.name)
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "labels", checked_labels(self.labels, len(self.images), self.classes, self.name))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | Tensor) -> "Dataset":
        origin = None if self.origin is None else self.origin[rows]
        groups = None if self.groups is None else self.groups[rows]
        images = take(self.images, rows) if isinstance(rows, Tensor) else self.images[rows]
        return replace(self, images=images, labels=self.labels[rows], origin=origin, groups=groups)

    def name_of(self, index: int) -> str | None:
        """What to call an image, e.g. its file, or its file and line; None if it has no name."""
        return self.origin.name_of(index) if self.origin else None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3), or (D,) of embeddings."""
        return tuple(self.images.shape[1:])

    def sha256(self) -> str:
        """SHA-256 over the images' bytes, then the labels as little-endian int64; of mapped images one pass through the file."""
        return self._sha256 if is_mapped(self.images) else self._digest()

    def fingerprint(self) -> bytes:
        """SHA-256 over the classes, the shape, the labels and a few thousand evenly spaced images: quick for mapped images, too."""
        digest = hashlib.sha256(repr((self.classes, tuple(self.images.shape))).encode())
        digest.update(self.labels.numpy().astype("<i8").data)
        update_digest(digest, evenly_spaced(self.images, FINGERPRINTED))
        return digest.digest()

    @cached_property
    def _sha256(self) -> str:
        """Of a mapped file, which cannot be written to here."""
        return self._digest()

    def _digest(self) -> str:
        digest = hashlib.sha256()
        update_digest(digest, self.images)
        digest.update(self.labels.numpy().astype("<i8").data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Splits:
    """Training and test images."""

    train: Dataset
    test: Dataset

    def hold_out(self, count: int) -> "Splits":
        """The last `count` training images held out as validation images, in place of the test images."""
        return Splits(self.train[: len(self.train) - count], self.train[len(self.train) - count :])


def check_rows(rows: Tensor, where: object) -> None:
    """Raise a DataError that begins with `where` unless the rows are images (`check_images`) or embeddings (`check_embeddings`)."""
    if isinstance(rows, Tensor) and rows.is_floating_point() and rows.ndim == 2:
        check_embeddings(rows, where)
    else:
        check_images(rows, where)


def check_embeddings(rows: Tensor, where: object) -> None:
    """Raise a DataError that begins with `where` unless the rows are (N, D) of one of `EMBEDDING_DTYPES`."""
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= MAX_DIM or rows.dtype not in EMBEDDING_DTYPES:
        shape, dtype = tuple(rows.shape), str(rows.dtype).removeprefix("torch.")
        raise DataError("embeddings.shape", where=where, shape=shape, dtype=dtype, most=MAX_DIM)


def check_images(images: Tensor, where: object) -> None:
    """Raise a DataError that begins with `where` unless the images are uint8 (N, H, W) or (N, H, W, 3) of a size in bounds."""
    if not isinstance(images, Tensor):
        raise DataError("dataset.images_type", where=where, found=type(images).__name__)
    shape = tuple(images.shape)
    if images.dtype != torch.uint8:
        raise DataError("dataset.images_dtype", where=where, found=str(images.dtype).removeprefix("torch."))
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3):
        raise DataError("dataset.images_shape", where=where, shape=shape)
    if not (MIN_SIDE <= shape[1] <= MAX_SIDE and MIN_SIDE <= shape[2] <= MAX_SIDE):
        raise DataError("dataset.images_size", where=where, height=shape[1], width=shape[2], low=MIN_SIDE, high=MAX_SIDE)


def check_class_names(classes: tuple[str, ...], where: object) -> None:
    """Raise a DataError that begins with `where` unless the names are distinct strings without control characters."""
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise DataError("dataset.classes", where=where)
    for name in classes:
        if has_controls(name):
            raise DataError("dataset.class_controls", where=where, name=name)


def checked_labels(labels: Tensor, n_images: int, classes: tuple[str, ...], where: object) -> Tensor:
    """The labels as int64 (N,); a DataError that begins with `where` unless there is one class number for each image."""
    if not isinstance(labels, Tensor):
        raise DataError("dataset.labels_type", where=where, found=type(labels).__name__)
    if labels.dtype not in INTEGERS or labels.ndim != 1:
        raise DataError(
            "dataset.labels_dtype", where=where, found=str(labels.dtype).removeprefix("torch."), shape=tuple(labels.shape)
        )
    if len(labels) != n_images:
        raise DataError("data.counts", path=where, images=n_images, labels=len(labels))
    check_class_names(classes, where)
    labels = labels.to(torch.int64)
    outside = ((labels < 0) | (labels >= len(classes))).nonzero()
    if len(outside):
        first = int(outside[0])
        raise DataError("data.label_range", path=where, label=int(labels[first]), index=first, most=len(classes) - 1)
    return labels
