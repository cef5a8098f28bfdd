"""The datasets that do not come with softreg: what they are, and how their files, once in the cache, become images and labels.

Names of classes and layout of files are torchvision's own; torchvision itself takes more than a second to import and is asked only
where a file is fetched, or is in a format that only it reads (USPS).
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from softreg.data.dataset import Dataset, Splits
from softreg.data.folder import SIDE, make_dataset, read_folder, read_images
from softreg.data.idx import INT, read_idx
from softreg.data.registry import PUBLISHED, PublishedDataset


def read_published(name: str, folder: Path) -> Splits:
    """The dataset `name` from its files in `folder`: images upright and 28 x 28, labels from 0.

    Raises
    ------
    DataError
        Naming the file that is bad, and why.
    """
    family = PUBLISHED[name]
    if family.folder == "USPS":
        return Splits(*(_usps(folder, train, family, name) for train in (True, False)))
    if family.folder in {"QMNIST", "EMNIST"}:
        read = _qmnist if family.folder == "QMNIST" else _emnist_part
        images, labels, test_images, test_labels = (folder / each for each in family.files)
        return Splits(read(images, labels, family, name), read(test_images, test_labels, family, name))
    return read_folder(folder, name, classes=family.classes)


def _qmnist(images: Path, labels: Path, family: PublishedDataset, name: str) -> Dataset:
    """QMNIST keeps eight numbers for each image; the first is the digit, the others are who wrote it and where."""
    return make_dataset(read_images(images), read_idx(labels, 2, kind=INT)[:, 0], labels, family.classes, name)


def _emnist_part(images: Path, labels: Path, family: PublishedDataset, name: str) -> Dataset:
    """EMNIST keeps its images lying on their side, columns first; its letters count from 1."""
    upright = read_images(images).transpose(1, 2).contiguous()  # (N, 28, 28)
    first = 1 if family.split == "letters" else 0
    return make_dataset(upright, read_idx(labels, 1).to(torch.int64) - first, labels, family.classes, name)


def _usps(folder: Path, train: bool, family: PublishedDataset, name: str) -> Dataset:
    from torchvision.datasets import USPS

    read = USPS(folder, train=train)
    path = folder / family.files[0 if train else 1]
    return make_dataset(pad_to_mnist(torch.from_numpy(read.data)), torch.tensor(read.targets), path, family.classes, name)


def pad_to_mnist(small: Tensor) -> Tensor:
    """Images (N, 16, 16) that fill their frame, as MNIST would hold them: grown to 20 x 20, in a margin of 4: uint8 (N, 28, 28)."""
    margin = (SIDE - 20) // 2
    grown = interpolate(small[:, None].float(), size=(20, 20), mode="bilinear", align_corners=False)[:, 0]  # (N, 20, 20)
    return pad(grown.round().to(torch.uint8), (margin,) * 4)
