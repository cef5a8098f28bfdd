"""Arrays as other libraries keep images and labels, brought to uint8 (N, H, W[, 3]) and int64 (N,) or names."""

import warnings
from math import isqrt, prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import MIN_SIDE, check_images
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

SKLEARN_MAX = 16  # scikit-learn's digits count ink from 0 to 16
NO_LABEL = ("None", "nan", "<NA>", "NaT")  # Python's, NumPy's and pandas'


def to_images(array: NDArray[Any], where: object, size: tuple[int, int] | None = None) -> Tensor:
    """The images in an array, uint8 (N, H, W) or (N, H, W, 3).

    Parameters
    ----------
    array : (N, H, W), (N, H, W, 1 or 3), (N, 1 or 3, H, W), or rows of pixels (N, H * W); integers 0 to 255, or floats in [0, 1]
    where : what errors and warnings begin with
    size : (H, W) of rows of pixels that are not square

    Raises
    ------
    DataError
        If shape, type or range is none of these.
    """
    images = torch.from_numpy(np.require(_to_uint8(_in_order(array, where, size), where), requirements=["C", "W"]))
    check_images(images, where)
    return images


def row_shape(pixels: int, size: tuple[int, int] | None) -> tuple[int, ...] | None:
    """(H, W) or, with three numbers for each pixel, (H, W, 3) of an image in a row of so many numbers: square, or of `size`."""
    for channels in ((), (3,)):
        count = pixels // prod(channels)
        height, width = size or (isqrt(max(count, 0)),) * 2
        if height * width * prod(channels) == pixels and height >= (MIN_SIDE if channels else 1):
            return (height, width, *channels)
    return None


def rows_to_images(rows: NDArray[Any], image_shape: tuple[int, ...], where: object, *, planar: bool | None = None) -> NDArray[Any]:
    """Rows of numbers (N, H * W or 3 * H * W) as images (N, H, W) or (N, H, W, 3).

    In colour, the numbers of a pixel follow each other or, if `planar`, all red ones come first, as in CIFAR's files.
    """
    if len(image_shape) == 2:
        return rows.reshape(-1, *image_shape)
    if planar is None:
        planar = is_planar(rows, image_shape, where)
    height, width = image_shape[:2]
    return rows.reshape(-1, 3, height, width).transpose(0, 2, 3, 1) if planar else rows.reshape(-1, *image_shape)


def is_planar(rows: NDArray[Any], image_shape: tuple[int, ...], where: object) -> bool:
    """Whether all red numbers of an image come first: each is then most like the one below it in its plane. A warning tells."""
    height, width = image_shape[:2]
    some = rows[:1000].astype(np.float64)
    below, below_interleaved = (np.abs(some[:, step:] - some[:, :-step]).mean() for step in (width, 3 * width))
    planar = bool(below < below_interleaved)
    _warn("dataset.colour_planes" if planar else "dataset.colour_pixels", where=where, height=height, width=width)
    return planar


def to_labels(array: NDArray[Any], where: object) -> Tensor | list[str]:
    """Labels (N,) or (N, 1), whole numbers or names, or one-hot rows (N, C) -> int64 (N,) or N names.

    Raises
    ------
    DataError
        If they are none of these.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "buif" and bool(((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()):
        return torch.from_numpy(array.argmax(1))
    if array.ndim != 1:
        raise DataError("dataset.labels_dtype", where=where, found=array.dtype, shape=array.shape)
    if array.dtype.kind in "USO":
        return _names(array, where)
    whole = array.astype(np.int64) if array.dtype.kind in "bui" else _whole(array, where)
    return torch.from_numpy(np.require(whole, requirements=["C", "W"]))


def _names(array: NDArray[Any], where: object) -> list[str]:
    """Labels as text; bytes are UTF-8. An empty one, or none, is refused."""
    try:
        names = [label.decode() if isinstance(label, bytes) else str(label) for label in array]
    except UnicodeDecodeError as error:
        raise DataError("data.unreadable", path=where, why=f"UTF-8: {error.reason}") from error
    no_label = [
        not name.strip() or (not isinstance(label, str | bytes) and name in NO_LABEL)
        for name, label in zip(names, array, strict=True)
    ]
    if any(no_label):
        raise DataError("dataset.label_missing", where=where, index=no_label.index(True))
    return names


def _whole(array: NDArray[Any], where: object) -> NDArray[np.int64]:
    if array.dtype.kind != "f":
        raise DataError("dataset.labels_dtype", where=where, found=array.dtype, shape=array.shape)
    wrong = np.flatnonzero(~(np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < 2**53)))
    if len(wrong):
        raise DataError("dataset.label_not_whole", where=where, label=array[wrong[0]], index=int(wrong[0]))
    return array.astype(np.int64)


def _in_order(array: NDArray[Any], where: object, size: tuple[int, int] | None) -> NDArray[Any]:
    """The array as (N, H, W) or (N, H, W, 3)."""
    shape = array.shape
    if len(shape) == 2:
        image_shape = row_shape(shape[1], size)
        if image_shape is None:
            raise DataError("dataset.row_length", where=where, shape=shape)
        return rows_to_images(array, image_shape, where)
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if len(shape) == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
        raise DataError("dataset.images_shape", where=where, shape=shape)
    return array


def _to_uint8(array: NDArray[Any], where: object) -> NDArray[np.uint8]:
    """Pixels of any numeric type as 0 to 255; what a range that is not 0 to 255 is taken for is said in a warning."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "buif" or not array.size:
        raise DataError("dataset.images_dtype", where=where, found=array.dtype)
    low, high = array.min(), array.max()
    scale = 1.0
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and low >= 0 and high <= 1):
        scale = 255.0
    elif array.dtype.kind == "f" and low >= 0 and high == SKLEARN_MAX and bool((array == np.floor(array)).all()):
        scale = 255 / SKLEARN_MAX
        _warn("dataset.scaled", where=where, high=SKLEARN_MAX)
    elif array.dtype.kind == "f" and -1 <= low < 0 and high <= 1:
        _warn("dataset.scaled_signed", where=where)
        return np.rint((array + 1) * 127.5).astype(np.uint8)
    elif not (low >= 0 and high <= 255) or (array.dtype.kind == "f" and bool((array != np.floor(array)).any())):
        raise DataError("dataset.images_range", where=where, found=array.dtype, low=low, high=high)
    return np.rint(array * scale).astype(np.uint8) if scale != 1 else array.astype(np.uint8)


def _warn(key: str, **params: object) -> None:
    warnings.warn(translate(key, **params), SoftregWarning, stacklevel=4)
