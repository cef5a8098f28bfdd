"""Reading the published datasets from their files in the cache.

Class names and file layouts are torchvision's. torchvision takes more than a second to import, so it is only imported to fetch, and
to read USPS, whose format nothing else here reads.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from softreg.data.dataset import Dataset, Splits
from softreg.data.folder import make_dataset, read_folder, read_images
from softreg.data.idx import INT, read_idx
from softreg.data.registry import PUBLISHED, PublishedDataset
from softreg.image_format import SIDE


def read_published(name: str, folder: Path) -> Splits:
    """The dataset `name` from its files in `folder`: images upright and 28 x 28, labels from 0.

    Raises
    ------
    DataError
        Naming the file that is bad, and why.
    """
    published = PUBLISHED[name]
    if published.folder == "USPS":
        return Splits(*(_usps(folder, train, published, name) for train in (True, False)))
    if published.folder in {"QMNIST", "EMNIST"}:
        read = _qmnist if published.folder == "QMNIST" else _emnist_part
        images, labels, test_images, test_labels = (_unpacked(folder / file) for file in published.files)
        return Splits(read(images, labels, published, name), read(test_images, test_labels, published, name))
    return read_folder(folder, name, classes=published.classes)


def _unpacked(path: Path) -> Path:
    """The file or, where torchvision has unpacked it and the gzip is gone, the unpacked one."""
    return path if path.is_file() else path.with_suffix("")


def _qmnist(images: Path, labels: Path, published: PublishedDataset, name: str) -> Dataset:
    """QMNIST has eight numbers per image; the first is the digit, the others tell who wrote it and where."""
    return make_dataset(read_images(images), read_idx(labels, 2, kind=INT)[:, 0], labels, published.classes, name)


def _emnist_part(images: Path, labels: Path, published: PublishedDataset, name: str) -> Dataset:
    """EMNIST stores its images transposed; its letters count from 1."""
    upright = read_images(images).transpose(1, 2).contiguous()  # (N, 28, 28)
    first = 1 if published.split == "letters" else 0
    return make_dataset(upright, read_idx(labels, 1).to(torch.int64) - first, labels, published.classes, name)


def _usps(folder: Path, train: bool, published: PublishedDataset, name: str) -> Dataset:
    from torchvision.datasets import USPS

    read = USPS(folder, train=train)
    path = folder / published.files[0 if train else 1]
    return make_dataset(pad_to_mnist(torch.from_numpy(read.data)), torch.tensor(read.targets), path, published.classes, name)


def pad_to_mnist(small: Tensor) -> Tensor:
    """Frame-filling images (N, 16, 16) in MNIST's layout: scaled to 20 x 20 with a margin of 4, uint8 (N, 28, 28)."""
    margin = (SIDE - 20) // 2
    scaled = interpolate(small[:, None].float(), size=(20, 20), mode="bilinear", align_corners=False)[:, 0]  # (N, 20, 20)
    return pad(scaled.round().to(torch.uint8), (margin,) * 4)
