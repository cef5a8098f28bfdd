"""Writing IDX files: an array at once, or images some at a time."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.idx import UBYTE, map_idx


class MixedShapesError(Exception):
    """Images of another shape than those before: `shape`, `found`."""

    def __init__(self, shape: tuple[int, ...], found: tuple[int, ...]) -> None:
        super().__init__(shape, found)
        self.shape, self.found = shape, found


def write_idx_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array of uint8."""
    with path.open("wb") as file:
        file.write(_header(array.shape))
        file.write(np.ascontiguousarray(array).data)


class IdxImages:
    """A file of images, to which some at a time are appended."""

    def __init__(self, path: Path, shape: tuple[int, ...] = ()) -> None:
        self.path, self.shape, self.n = path, shape, 0
        path.unlink(missing_ok=True)  # it may be mapped: not to be written over
        self._file = path.open("wb")

    def __enter__(self) -> "IdxImages":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, images: Tensor) -> None:
        """Write more images, uint8 (N, H, W) or (N, H, W, 3); a MixedShapesError if they are unlike those before."""
        found = tuple(images.shape[1:])
        if self.shape and found != self.shape:
            raise MixedShapesError(self.shape, found)
        if not self.n:
            self._file.write(_header((0, *found)))
        self.shape, self.n = found, self.n + len(images)
        self._file.write(np.ascontiguousarray(images.numpy()).data)

    def close(self) -> Tensor | None:
        """All images, mapped from the file, whose header now counts them; None, and no file, if there are none."""
        if self.n:
            self._file.seek(0)
            self._file.write(_header((self.n, *self.shape)))
        self._file.close()
        if self.n:
            return map_idx(self.path, len(self.shape) + 1)
        self.path.unlink()
        return None


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, UBYTE, len(shape), *shape)
