"""Pictures of a dataset, from files or from bytes in a table, decoded and brought to one size."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor

from softreg.data.dataset import MAX_SIDE, MIN_SIDE
from softreg.data.forms.source import ReadOptions
from softreg.data.idx import MAX_BYTES
from softreg.errors import DataError, PictureError, SoftregWarning
from softreg.imaging.decode import FORMATS, decode
from softreg.imaging.resampling import resized_whole
from softreg.messages import translate

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm")
SHOWN = 5  # bad pictures that a message names
SIZED = 20_000  # pictures whose headers are read to find the commonest size
BATCH = 500  # pictures of a stream that are in memory at a time


@dataclass(frozen=True)
class Encoded:
    """A picture that is not decoded yet: a file, or the bytes of one, and what messages call it."""

    source: Path | bytes
    name: str


class Pictures(Protocol):
    """Pictures that can be gone through more than once, in a list or in a file."""

    def __iter__(self) -> Iterator[Encoded]: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class PictureFiles:
    """Files in a folder, by their paths in it: a million names take some hundred megabytes less than as many `Encoded`."""

    folder: Path
    names: Sequence[str]

    def __iter__(self) -> Iterator[Encoded]:
        for name in self.names:
            place = self.folder / name
            yield Encoded(place, str(place))

    def __len__(self) -> int:
        return len(self.names)


def decode_parts(
    pictures: Mapping[str, Pictures], options: ReadOptions, where: Mapping[str, Path]
) -> dict[str, tuple[Tensor, list[int]]]:
    """The pictures of each part that can be read, uint8 (N, H, W) or, unless all are grey, (N, H, W, 3), and their indices.

    Their size is the commonest of the first part, or `options.size`.

    Raises
    ------
    DataError
        As `commonest_size` and `decode_all`, or if a part is empty.
    """
    for part, found in pictures.items():
        if not len(found):
            raise DataError("data.no_images", path=where[part])
    first = next(iter(pictures))
    size = _size_asked_for(options) or commonest_size(pictures[first], where[first])
    decoded = {part: decode_all(found, size, options, where[part]) for part, found in pictures.items()}
    colour = any(images.ndim == 4 for images, _ in decoded.values())
    return {part: (torch.from_numpy(_coloured(images) if colour else images), good) for part, (images, good) in decoded.items()}


def stream(pictures: Pictures, options: ReadOptions, where: Path) -> Iterator[tuple[Tensor, list[int]]]:
    """As `decode_parts` of one part, some at a time; what was resized or skipped is said at the end."""
    if not len(pictures):
        raise DataError("data.no_images", path=where)
    size = _size_asked_for(options) or commonest_size(pictures, where)
    waiting, first, tally = iter(pictures), 0, Tally(len(pictures), where)
    while batch := list(islice(waiting, BATCH)):
        images, good = _decode(batch, size, options, tally)
        yield torch.from_numpy(images), [first + index for index in good]
        first += len(batch)
    tally.tell(size)


def commonest_size(pictures: Pictures, where: object) -> tuple[int, int]:
    """(height, width) of most pictures, by their headers; the smaller of two as common. Of very many, evenly spaced ones count.

    Raises
    ------
    DataError
        If no header can be read, or the size is out of bounds.
    """
    some = islice(pictures, 0, None, max(1, len(pictures) // SIZED))
    sizes = Counter(size for picture in some if (size := _size(picture.source)))
    if not sizes:
        raise DataError("forms.no_pictures", path=where)
    height, width = min(sizes, key=lambda size: (-sizes[size], size))
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise DataError("forms.picture_size", path=where, height=height, width=width, low=MIN_SIDE, high=MAX_SIDE)
    return height, width


def decode_all(
    pictures: Pictures, size: tuple[int, int], options: ReadOptions, where: object
) -> tuple[NDArray[np.uint8], list[int]]:
    """The pictures that can be read, uint8 (N, H, W) or, unless all are grey, (N, H, W, 3), and their indices.

    Raises
    ------
    DataError
        If some cannot be read and `options.skip_bad` is not set, listing the first; if none can; or if they do not fit in memory.
    """
    tally = Tally(len(pictures), where)
    images, good = _decode(pictures, size, options, tally)
    tally.tell(size)
    if not good:
        raise DataError("forms.no_pictures", path=where)
    return images, good


class Tally:
    """What became of `n` pictures: which cannot be read, and how many were resized."""

    def __init__(self, n: int, where: object) -> None:
        self.n, self.where = n, where
        self.bad: list[str] = []
        self.resized = 0

    @property
    def listed(self) -> dict[str, object]:
        """The bad pictures, for a message."""
        listed = "; ".join(self.bad[:SHOWN]) + ("; ..." if len(self.bad) > SHOWN else "")
        return {"path": self.where, "count": len(self.bad), "n": self.n, "listed": listed}

    def tell(self, size: tuple[int, int]) -> None:
        """Warn of what was skipped or brought to `size`."""
        if self.bad:
            _warn(translate("forms.skipped", **self.listed))
        if self.resized:
            resized = {"count": self.resized, "n": self.n, "height": size[0], "width": size[1]}
            _warn(translate("forms.resized", path=self.where, **resized))


def _decode(pictures: Pictures, size: tuple[int, int], options: ReadOptions, tally: Tally) -> tuple[NDArray[np.uint8], list[int]]:
    images = _empty(len(pictures), options.image_shape or size, tally.where)
    good: list[int] = []
    for index, picture in _decoded(pictures):
        if isinstance(picture, PictureError):
            tally.bad.append(str(picture))
            continue
        if images.ndim == 3 and options.image_shape is None and not _is_grey(picture):
            grey, images = images, _empty(len(pictures), (*size, 3), tally.where)
            images[: len(good)] = grey[: len(good), ..., None]
        tally.resized += picture.shape[:2] != size
        images[len(good)] = resized_whole(picture, images.shape[1:])
        good.append(index)
    if tally.bad and not options.skip_bad:
        raise DataError("forms.bad_pictures", **tally.listed)
    return images[: len(good)], good


def _size_asked_for(options: ReadOptions) -> tuple[int, int] | None:
    return options.size if options.image_shape is None else (options.image_shape[0], options.image_shape[1])


def _empty(n: int, shape: tuple[int, ...], where: object) -> NDArray[np.uint8]:
    needed = n * prod(shape)
    if needed > MAX_BYTES:
        raise DataError("forms.too_large", path=where, n=n, needed=needed / 1e9, most=MAX_BYTES / 1e9)
    return np.empty((n, *shape), np.uint8)


def _is_grey(picture: NDArray[np.uint8]) -> bool:
    return bool((picture[..., :1] == picture).all())


def _coloured(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (N, H, W, 3) of any."""
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)


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


def _decoded(pictures: Pictures) -> Iterator[tuple[int, NDArray[np.uint8] | PictureError]]:
    for index, picture in enumerate(pictures):
        try:
            yield index, np.rint(decode(picture.source, picture.name).pixels).astype(np.uint8)
        except PictureError as error:
            yield index, error
