"""A dataset in a folder: four IDX files, gzip'd or not, under the names of the original distribution."""

from pathlib import Path

import torch
from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.idx import is_gzip, map_idx, read_idx
from softreg.errors import DataError
from softreg.image_format import SIDE

TRAIN, TEST = "train", "t10k"
MAP_FROM = 128 << 20  # larger image files are memory-mapped; below, a copy in memory is safer and as fast
_SUBFOLDERS = (".", "raw", "MNIST/raw")  # the last: a torchvision root


def read_folder(folder: Path, name: str, *, classes: tuple[str, ...] = (), map_from: int = MAP_FROM) -> Splits:
    """The dataset in a folder of four IDX files, or in a torchvision root that holds MNIST.

    Parameters
    ----------
    folder : holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of `t10k`, uncompressed or `.gz`
    name : what to call it
    classes : names of the classes; () calls them 0, 1, ... up to the largest training label
    map_from : uncompressed image files of at least this many bytes are memory-mapped, never loaded whole

    Raises
    ------
    DataError
        Naming the file that is missing or bad, and why.
    """
    inside = next((folder / sub for sub in _SUBFOLDERS if _find(folder / sub, TRAIN, "images", 3)), folder)

    def part(kind: str, classes: tuple[str, ...]) -> Dataset:
        images_path, labels_path = _existing(inside, kind, "images", 3), _existing(inside, kind, "labels", 1)
        images = read_images(images_path, map_from=map_from)
        return make_dataset(images, read_idx(labels_path, 1), labels_path, classes, name)

    train = part(TRAIN, classes)
    return Splits(train, part(TEST, train.classes))


def read_images(path: Path, *, map_from: int = MAP_FROM) -> Tensor:
    """The images in an IDX file: uint8 (N, 28, 28), N at least 1."""
    large = path.stat().st_size >= map_from and not is_gzip(path)
    images = map_idx(path, 3) if large else read_idx(path, 3)
    if not len(images):
        raise DataError("data.no_images", path=path)
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError("data.image_size", path=path, height=images.shape[1], width=images.shape[2])
    return images


def make_dataset(images: Tensor, labels: Tensor, path: Path, classes: tuple[str, ...], name: str) -> Dataset:
    """Images and labels that fit together, or a DataError about `path`, the labels' file.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    labels : integer (N,)
    classes : their names; () calls them 0, 1, ... up to the largest label
    """
    if len(labels) != len(images):
        raise DataError("data.counts", path=path, images=len(images), labels=len(labels))
    labels = labels.to(torch.int64)
    if not classes and labels.max() == 0:
        raise DataError("data.one_class", path=path)
    classes = classes or tuple(map(str, range(int(labels.max()) + 1)))
    outside = ((labels < 0) | (labels >= len(classes))).nonzero()
    if len(outside):
        first = int(outside[0])
        raise DataError("data.label_range", path=path, label=int(labels[first]), index=first, most=len(classes) - 1)
    return Dataset(images, labels, classes, name)


def _existing(folder: Path, part: str, content: str, ndim: int) -> Path:
    path = _find(folder, part, content, ndim)
    if path is None:
        raise DataError("data.no_idx", path=folder, name=f"{part}-{content}-idx{ndim}-ubyte")
    return path


def _find(folder: Path, part: str, content: str, ndim: int) -> Path | None:
    """The file in this folder: uncompressed before gzip'd; some distributions write `.idx3` for `-idx3`."""
    names = [f"{part}-{content}{dash}idx{ndim}-ubyte{gz}" for gz in ("", ".gz") for dash in "-."]
    return next((folder / name for name in names if (folder / name).is_file()), None)
