"""The datasets that do not come with softreg: what they are, and how their files, once in the cache, become images and labels.

Names of classes and layout of files are torchvision's own; torchvision itself takes more than a second to import and is asked only
where a file is fetched, or is in a format that only it reads (USPS).
"""

import string
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from softreg.data.dataset import Dataset, Splits
from softreg.data.folder import SIDE, make_dataset, read_folder, read_images
from softreg.data.idx import INT, read_idx

_DIGITS = tuple(string.digits)
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_ALL = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
_MERGED = tuple(
    each for each in _ALL if each not in "cijklmopsuvwxyz"
)  # these look alike in both cases: their capitals stand for both


@dataclass(frozen=True)
class Family:
    """A dataset torchvision knows how to fetch.

    Attributes
    ----------
    folder : torchvision's class, and the folder in the cache; the six of EMNIST come in one archive and share it
    train, test : how many images there are
    megabytes : about how much is fetched
    split : of EMNIST, which of the six
    """

    folder: str
    train: int
    test: int
    megabytes: int
    classes: tuple[str, ...]
    split: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files this dataset is read from."""
        if self.folder == "USPS":
            return "usps.bz2", "usps.t.bz2"
        if self.folder == "QMNIST":
            return tuple(
                f"qmnist-{part}-{what}.gz" for part in ("train", "test") for what in ("images-idx3-ubyte", "labels-idx2-int")
            )
        prefix, test = (f"emnist-{self.split}-", "test") if self.split else ("", "t10k")
        return tuple(f"{prefix}{part}-{what}-ubyte.gz" for part in ("train", test) for what in ("images-idx3", "labels-idx1"))


def _emnist(split: str, train: int, test: int, classes: tuple[str, ...]) -> Family:
    return Family("EMNIST", train, test, 562, classes, split)


FAMILIES = {
    "fashion-mnist": Family("FashionMNIST", 60_000, 10_000, 31, _FASHION),
    "kmnist": Family("KMNIST", 60_000, 10_000, 21, _KUZUSHIJI),
    "qmnist": Family("QMNIST", 60_000, 60_000, 20, _DIGITS),
    "emnist-byclass": _emnist("byclass", 697_932, 116_323, _ALL),
    "emnist-bymerge": _emnist("bymerge", 697_932, 116_323, _MERGED),
    "emnist-balanced": _emnist("balanced", 112_800, 18_800, _MERGED),
    "emnist-letters": _emnist("letters", 124_800, 20_800, tuple(string.ascii_lowercase)),
    "emnist-digits": _emnist("digits", 240_000, 40_000, _DIGITS),
    "emnist-mnist": _emnist("mnist", 60_000, 10_000, _DIGITS),
    "usps": Family("USPS", 7_291, 2_007, 8, _DIGITS),
}


def read_family(name: str, folder: Path) -> Splits:
    """The dataset `name` from its files in `folder`: images upright and 28 x 28, labels from 0.

    Raises
    ------
    DataError
        Naming the file that is bad, and why.
    """
    family = FAMILIES[name]
    if family.folder == "USPS":
        return Splits(*(_usps(folder, train, family, name) for train in (True, False)))
    if family.folder in {"QMNIST", "EMNIST"}:
        read = _qmnist if family.folder == "QMNIST" else _emnist_part
        images, labels, test_images, test_labels = (folder / each for each in family.files)
        return Splits(read(images, labels, family, name), read(test_images, test_labels, family, name))
    return read_folder(folder, name, classes=family.classes)


def _qmnist(images: Path, labels: Path, family: Family, name: str) -> Dataset:
    """QMNIST keeps eight numbers for each image; the first is the digit, the others are who wrote it and where."""
    return make_dataset(read_images(images), read_idx(labels, 2, kind=INT)[:, 0], labels, family.classes, name)


def _emnist_part(images: Path, labels: Path, family: Family, name: str) -> Dataset:
    """EMNIST keeps its images lying on their side, columns first; its letters count from 1."""
    upright = read_images(images).transpose(1, 2).contiguous()  # (N, 28, 28)
    first = 1 if family.split == "letters" else 0
    return make_dataset(upright, read_idx(labels, 1).to(torch.int64) - first, labels, family.classes, name)


def _usps(folder: Path, train: bool, family: Family, name: str) -> Dataset:
    from torchvision.datasets import USPS

    read = USPS(folder, train=train)
    path = folder / family.files[0 if train else 1]
    return make_dataset(framed(torch.from_numpy(read.data)), torch.tensor(read.targets), path, family.classes, name)


def framed(small: Tensor) -> Tensor:
    """Images (N, 16, 16) that fill their frame, as MNIST would hold them: grown to 20 x 20, in a margin of 4: uint8 (N, 28, 28)."""
    margin = (SIDE - 20) // 2
    grown = interpolate(small[:, None].float(), size=(20, 20), mode="bilinear", align_corners=False)[:, 0]  # (N, 20, 20)
    return pad(grown.round().to(torch.uint8), (margin,) * 4)
