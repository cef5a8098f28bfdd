"""Embeddings: in place of images, what another model made of them, as rows (N, D) of floating point."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softreg.data.dataset import EMBEDDING_DTYPES, MAX_DIM, MAX_SIDE, MIN_SIDE, check_embeddings
from softreg.data.image_array import row_shape
from softreg.data.memory_map import evenly_spaced, is_mapped, map_array, pieces
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

NAMES = ("embeddings", "embedding", "emb", "vectors", "vector")  # of arrays and columns that hold nothing else
LARGEST = 1e18  # times the largest weight that a model file may hold: logits stay finite in float32
SAMPLED = 1000  # rows that tell embeddings from pixels


def are_embeddings(array: Any, name: str, where: object, *, wanted: bool | None, size: tuple[int, int] | None = None) -> bool:
    """Whether an array or tensor holds embeddings, and not images or rows of their pixels.

    Parameters
    ----------
    name : of the array, without the part
    where : what a warning begins with
    wanted : what was asked for; None decides by name, type, shape and range, with a warning where only the numbers tell
    size : (H, W) of rows of pixels, if that was given
    """
    if wanted is not None or size is not None:
        return bool(wanted)
    if name in NAMES or _is_bfloat16(array):
        return True
    found = np.ndim(array) == 2 and min(np.shape(array)) > 0 and _is_floating(array) and not _could_be_pixels(array)
    if found:
        warnings.warn(translate("embeddings.taken", where=where, dim=np.shape(array)[1]), SoftregWarning, stacklevel=5)
    return found


def to_embeddings(array: Any, where: object) -> Tensor:
    """The embeddings in an array or tensor: (N, D) of one of `EMBEDDING_DTYPES`, finite; in a mapped file where they are.

    Other types of number are converted to float32.

    Raises
    ------
    DataError
        If they have another shape, or are not finite numbers.
    """
    rows = _as_tensor(array, where)
    if rows.dtype not in EMBEDDING_DTYPES:
        rows = rows.float()
    check_embeddings(rows, where)
    first = 0
    for piece in pieces(rows):
        low, high = (float(bound) for bound in piece.float().aminmax())
        if not (low >= -LARGEST and high <= LARGEST):  # true of NaN as well
            finite = (piece.float().abs() <= LARGEST).all(1)
            raise DataError("embeddings.not_finite", where=where, index=first + int((~finite).nonzero()[0]))
        first += len(piece)
    return rows


def check_are_images(image_shape: tuple[int, ...], where: object) -> None:
    """Raise a DataError that begins with `where` if the shape is that of embeddings, (D,), where images are needed."""
    if len(image_shape) == 1:
        raise DataError("embeddings.no_images", where=where)


def _as_tensor(array: Any, where: object) -> Tensor:
    """The same numbers as a tensor, not copied if the array is a mapped file or may be written to."""
    if isinstance(array, Tensor):
        return array if is_mapped(array) else array.contiguous()
    if _is_bfloat16(array):
        return torch.from_numpy(np.require(array, requirements=["C"]).view(np.int16).copy()).view(torch.bfloat16)
    if array.dtype.kind not in "buif":
        raise DataError("embeddings.shape", where=where, shape=array.shape, dtype=array.dtype, most=MAX_DIM)
    if isinstance(array, np.memmap) and array.dtype.name in ("float16", "float32") and array.flags.c_contiguous and array.ndim == 2:
        return map_array(array)
    native = array.astype(np.float32) if array.dtype.name not in ("float16", "float32") else array
    return torch.from_numpy(np.require(native, native.dtype.newbyteorder("="), ["C", "W"]))


def _is_bfloat16(array: Any) -> bool:
    """Whether it is a tensor of bfloat16, or what NumPy makes of a file of them: two bytes of no known type."""
    return array.dtype == torch.bfloat16 if isinstance(array, Tensor) else array.dtype.kind == "V" and array.dtype.itemsize == 2


def _is_floating(array: Any) -> bool:
    return array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"


def _could_be_pixels(array: Any) -> bool:
    """Whether rows of floats form images and are in a range that pixels have: [0, 1], [-1, 1] or whole numbers up to 255."""
    shape = row_shape(np.shape(array)[1], None)
    if shape is None or not MIN_SIDE <= shape[0] <= MAX_SIDE:
        return False
    some = evenly_spaced(array, SAMPLED).float().numpy() if isinstance(array, Tensor) else array[:: max(1, len(array) // SAMPLED)]
    low, high = float(some.min()), float(some.max())
    return (low >= -1 and high <= 1) or (low >= 0 and high <= 255 and bool((some == np.floor(some)).all()))
