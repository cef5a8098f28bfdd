"""The datasets known by name and the files they are read from. Importing this does not import torch."""

import string
from dataclasses import dataclass

_DIGITS = tuple(string.digits)
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_ALL = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
_MERGED = tuple(name for name in _ALL if name not in "cijklmopsuvwxyz")  # alike in both cases: the capital stands for both


@dataclass(frozen=True)
class PublishedDataset:
    """A dataset that torchvision can fetch.

    Attributes
    ----------
    folder : torchvision's class, and the folder in the cache; the six splits of EMNIST share one archive
    train, test : numbers of images
    megabytes : approximate download size
    split : which of EMNIST's six
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


def _emnist(split: str, train: int, test: int, classes: tuple[str, ...]) -> PublishedDataset:
    return PublishedDataset("EMNIST", train, test, 562, classes, split)


PUBLISHED = {
    "fashion-mnist": PublishedDataset("FashionMNIST", 60_000, 10_000, 31, _FASHION),
    "kmnist": PublishedDataset("KMNIST", 60_000, 10_000, 21, _KUZUSHIJI),
    "qmnist": PublishedDataset("QMNIST", 60_000, 60_000, 20, _DIGITS),
    "emnist-byclass": _emnist("byclass", 697_932, 116_323, _ALL),
    "emnist-bymerge": _emnist("bymerge", 697_932, 116_323, _MERGED),
    "emnist-balanced": _emnist("balanced", 112_800, 18_800, _MERGED),
    "emnist-letters": _emnist("letters", 124_800, 20_800, tuple(string.ascii_lowercase)),
    "emnist-digits": _emnist("digits", 240_000, 40_000, _DIGITS),
    "emnist-mnist": _emnist("mnist", 60_000, 10_000, _DIGITS),
    "usps": PublishedDataset("USPS", 7_291, 2_007, 8, _DIGITS),
}

DATASETS = ("mnist", *PUBLISHED)
