"""What a dataset is: images, labels and the names of the classes."""

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
    name : what people call it, e.g. "mnist"
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
        """SHA-256 over the pixels, then the labels as little-endian int64; None for mapped images: too much to read for this."""
        if is_mapped(self.images):
            return None
        digest = hashlib.sha256(self.images.contiguous().numpy().data)
        digest.update(self.labels.numpy().astype("<i8").data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Splits:
    """The images to learn from and, apart from them, the images to be judged by."""

    train: Dataset
    test: Dataset

    def hold_out(self, count: int) -> "Splits":
        """The last `count` training images held out in the test images' place: what settings are chosen by."""
        return Splits(self.train[: len(self.train) - count], self.train[len(self.train) - count :])
