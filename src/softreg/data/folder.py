"""A dataset in a folder of IDX files, gzip'd or not, under the names of the original distribution."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from softreg.data.assemble import assemble
from softreg.data.dataset import Dataset, Splits, check_images
from softreg.data.forms.source import Part, ReadOptions, Source, WholeForm, check_no_label
from softreg.data.idx import is_gzip, map_idx, ndim_of, read_idx
from softreg.data.image_array import to_images
from softreg.data.memory_map import MAP_FROM
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

TRAIN, TEST = "train", "t10k"
BATCH = 10_000  # images of a stream at a time
_SUBFOLDERS = (".", "raw", "MNIST/raw")  # the last: a torchvision root


class IdxFolder(WholeForm):
    """`train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of `t10k`, uncompressed or `.gz`."""

    def matches(self, path: Path) -> bool:
        """Whether an IDX file of images or labels is in the folder, or where torchvision keeps MNIST."""
        return path.is_dir() and _inside(path) is not None

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. One of the two parts may be missing, but not one file of a part."""
        check_no_label(path, options)
        return _read(path, MAP_FROM)

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`. Images to answer for need no labels."""
        if part:
            yield from super().stream(path, options, part)
            return
        inside = _inside(path) or path
        found = _find(inside, TEST, "images") or _find(inside, TRAIN, "images")
        if found is None:
            raise DataError("data.no_idx", path=inside, name=f"{TEST}-images-idx3-ubyte")
        images = read_images(found)
        for start in range(0, len(images), BATCH):
            yield Part(images[start : start + BATCH], None, found, share=min(1.0, (start + BATCH) / len(images)))


def read_folder(folder: Path, name: str, *, classes: tuple[str, ...] = (), map_from: int = MAP_FROM) -> Splits:
    """The dataset in a folder of four IDX files, or in a torchvision root that holds MNIST.

    Parameters
    ----------
    folder : holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of `t10k`, uncompressed or `.gz`
    name : what to call it
    classes : names of the classes, in the order of the labels; () takes the training labels themselves
    map_from : uncompressed image files of at least this many bytes are memory-mapped, never loaded whole

    Raises
    ------
    DataError
        Naming the file that is missing or bad, and why.
    """
    return assemble(_read(folder, map_from), name, 0, classes)


def read_images(path: Path, *, map_from: int = MAP_FROM) -> Tensor:
    """The images in an IDX file: uint8 (N, H, W) or (N, H, W, 3), N at least 1; rows of pixels (N, H * W) are made square."""
    ndim = ndim_of(path)
    if ndim not in (2, 3, 4):
        raise DataError("data.idx_dims", path=path, found=ndim, wanted=3)
    large = path.stat().st_size >= map_from and not is_gzip(path)
    images = map_idx(path, ndim) if large else read_idx(path, ndim)
    if not len(images):
        raise DataError("data.no_images", path=path)
    if ndim == 3:
        check_images(images, path)
        return images
    converted = to_images(images.numpy(), path)
    if ndim == 2:
        height, width = converted.shape[1:3]
        warnings.warn(
            translate("dataset.rows_taken", where=path, pixels=images.shape[1], height=height, width=width),
            SoftregWarning,
            stacklevel=2,
        )
    return converted


def make_dataset(images: Tensor, labels: Tensor, path: Path, classes: tuple[str, ...], name: str) -> Dataset:
    """Images uint8 (N, H, W) and integer labels (N,) that fit together, or a DataError about `path`, the labels' file."""
    try:
        return Dataset(images, labels.to(torch.int64), classes, name)
    except DataError as error:
        raise DataError(error.key, **{**error.params, "path": path, "where": path}) from error


def _read(folder: Path, map_from: int) -> Source:
    inside = _inside(folder) or folder
    return Source(_part(inside, TRAIN, map_from, needed=True), _part(inside, TEST, map_from, needed=False))


def _part(folder: Path, part: str, map_from: int, *, needed: bool) -> Part | None:
    """The images and labels of a part; None if neither file is there, and the other part's are."""
    images_path, labels_path = (_find(folder, part, content) for content in ("images", "labels"))
    if images_path is None and labels_path is None and (not needed or _find(folder, TEST, "images")):
        return None
    for path, content, ndim in ((images_path, "images", 3), (labels_path, "labels", 1)):
        if path is None:
            raise DataError("data.no_idx", path=folder, name=f"{part}-{content}-idx{ndim}-ubyte")
    assert images_path
    assert labels_path
    images, labels = read_images(images_path, map_from=map_from), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError("data.counts", path=labels_path, images=len(images), labels=len(labels))
    return Part(images, labels.to(torch.int64), labels_path)


def _inside(folder: Path) -> Path | None:
    """The folder the files are in: this one, or where torchvision keeps MNIST."""
    names = [(part, content) for part in (TRAIN, TEST) for content in ("images", "labels")]
    return next((folder / sub for sub in _SUBFOLDERS if any(_find(folder / sub, *name) for name in names)), None)


def _find(folder: Path, part: str, content: str) -> Path | None:
    """The file in this folder: uncompressed before gzip'd; some distributions write `.idx3` for `-idx3`."""
    ndims = (3, 4, 2) if content == "images" else (1,)
    names = [f"{part}-{content}{dash}idx{ndim}-ubyte{gz}" for ndim in ndims for gz in ("", ".gz") for dash in "-."]
    return next((folder / name for name in names if (folder / name).is_file()), None)
