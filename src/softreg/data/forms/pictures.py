"""Pictures of a dataset, from files or from bytes in a table, decoded and brought to one size."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor

from softreg.data.dataset import MAX_SIDE, MIN_SIDE
from softreg.data.forms.source import ReadOptions
from softreg.errors import DataError, PictureError, SoftregWarning
from softreg.imaging.decode import FORMATS, decode
from softreg.messages import translate

SHOWN = 5  # bad pictures that a message names


@dataclass(frozen=True)
class Encoded:
    """A picture that is not decoded yet: a file, or the bytes of one, and what messages call it."""

    source: Path | bytes
    name: str


def commonest_size(pictures: Sequence[Encoded], where: object) -> tuple[int, int]:
    """(height, width) of most pictures, by their headers; the smaller of two as common.

    Raises
    ------
    DataError
        If no header can be read, or the size is out of bounds.
    """
    sizes = Counter(size for picture in pictures if (size := _size(picture.source)))
    if not sizes:
        raise DataError("forms.no_pictures", path=where)
    height, width = min(sizes, key=lambda size: (-sizes[size], size))
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise DataError("forms.picture_size", path=where, height=height, width=width, low=MIN_SIDE, high=MAX_SIDE)
    return height, width


def decode_all(
    pictures: Sequence[Encoded], size: tuple[int, int], options: ReadOptions, where: object
) -> tuple[NDArray[np.uint8], list[int]]:
    """The pictures that can be read, uint8 (N, H, W, 3), and their indices.

    Raises
    ------
    DataError
        If some cannot be read and `options.skip_bad` is not set, listing the first; or if none can.
    """
    images = np.empty((len(pictures), *size, 3), np.uint8)
    good: list[int] = []
    bad: list[str] = []
    resized = 0
    for index, picture in _decoded(pictures):
        if isinstance(picture, PictureError):
            bad.append(str(picture))
            continue
        resized += picture.shape[:2] != size
        images[len(good)] = picture if picture.shape[:2] == size else _resized(picture, size)
        good.append(index)
    if bad:
        listed = "; ".join(bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
        if not options.skip_bad:
            raise DataError("forms.bad_pictures", path=where, count=len(bad), n=len(pictures), listed=listed)
        _warn(translate("forms.skipped", path=where, count=len(bad), n=len(pictures), listed=listed))
    if resized:
        _warn(translate("forms.resized", path=where, count=resized, n=len(pictures), height=size[0], width=size[1]))
    if not good:
        raise DataError("forms.no_pictures", path=where)
    return images[: len(good)], good


def is_grey(images: NDArray[np.uint8]) -> bool:
    """Whether all pictures (N, H, W, 3) are grey."""
    return all(bool((image[..., :1] == image).all()) for image in images)


def to_tensor(images: NDArray[np.uint8], *, grey: bool) -> Tensor:
    """Pictures (N, H, W, 3) as a tensor, `grey` ones as (N, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(images[..., 0]) if grey else images)


def _warn(line: str) -> None:
    warnings.warn(line, SoftregWarning, stacklevel=3)


def _size(source: Path | bytes) -> tuple[int, int] | None:
    """(height, width), upright, by the header; None if there is none: the decoder will say why."""
    if isinstance(source, Path) and not source.is_file():  # a pipe would be waited for
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                width, height = image.size
                turned = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:
        return None
    return (width, height) if turned else (height, width)


def _decoded(pictures: Sequence[Encoded]) -> Iterator[tuple[int, NDArray[np.uint8] | PictureError]]:
    for index, picture in enumerate(pictures):
        try:
            yield index, np.rint(decode(picture.source, picture.name).pixels).astype(np.uint8)
        except PictureError as error:
            yield index, error


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
