"""Datasets: images, labels and class names."""

import hashlib
from dataclasses import dataclass

from torch import Tensor

from softreg.data.memory_map import is_mapped


@dataclass(frozen=True, eq=False)
class Dataset:
    """N labelled images of C classes.

    Attributes
    ----------
    images : uint8 (N, 28, 28), bright ink on black
    labels : int64 (N,), each in 0 .. C-1
    classes : the C names, in the order of the labels
    name : e.g. "mnist"
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> "Dataset":
        return Dataset(self.images[rows], self.labels[rows], self.classes, self.name)

    def sha256(self) -> str | None:
        """SHA-256 over the pixels, then the labels as little-endian int64; None for memory-mapped images, which may be large."""
        if is_mapped(self.images):
            return None
        digest = hashlib.sha256(self.images.contiguous().numpy().data)
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
