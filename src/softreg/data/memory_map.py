"""Read-only memory-mapped tensors, and bounded memory when going through them."""

import ctypes
import faulthandler
import hashlib
import mmap
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import zip_longest
from math import prod
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.errors import FAILED, DataError

CUT_SHORT = b"softreg: a data file was cut short while it was read; copy it again, then go on with --resume\n"
RELEASE_BYTES = 2**26  # how much of a file may be resident before its pages are released
MAP_FROM = 2**27  # bytes of images that are kept in a mapped file; below, a copy in memory is safer and as fast


class MappedFile(mmap.mmap):
    """A read-only mapping of a whole file."""

    path: Path

    def check_size(self) -> None:
        """Raise a DataError if the file was cut short: reading beyond its end would end the process."""
        if self.size() < len(self):
            raise DataError("data.cut_short", path=self.path)


_mappings: WeakValueDictionary[int, MappedFile] = WeakValueDictionary()  # by start address


def map_file(path: Path, offset: int, shape: tuple[int, ...]) -> Tensor:
    """Map the bytes of a file from `offset` on as a uint8 tensor of this shape; it must not be written to.

    Not torch.from_file: the kernel counts its private mapping as memory, and refuses it for a file larger than that.
    """
    with path.open("rb") as file:
        return map_open_file(file, path, offset, shape)


def map_open_file(file: IO[bytes], path: Path, offset: int, shape: tuple[int, ...]) -> Tensor:
    """As `map_file`, of a file that is open and may have no name; errors name `path`."""
    mapping = MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapping.path = path
    _say_so_if_cut_short()
    with suppress(AttributeError, OSError):  # pages of 2 MB: rows in random order are read 1.6 times faster
        mapping.madvise(mmap.MADV_HUGEPAGE)  # only on Linux, and not on every kernel
    array: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
    _mappings[array.ctypes.data] = mapping
    with warnings.catch_warnings():  # torch has no read-only tensors and warns
        warnings.filterwarnings("ignore", "The given (NumPy array|buffer) is not writable", UserWarning)
        return torch.from_numpy(array)[offset:].view(shape)


def map_array(array: np.memmap[Any, Any]) -> Tensor:
    """Map the rows (N, D) of a contiguous numpy.memmap, or of a slice of one, again: as a tensor whose pages can be released."""
    mapping: Any = array._mmap  # type: ignore[attr-defined]
    into = array.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    offset = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY + into
    path = Path(str(array.filename))
    return map_rows(path, offset, array.shape, getattr(torch, array.dtype.name))


def map_rows(path: Path, offset: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Map the bytes of a file from `offset` on, a multiple of the size of a number, as a tensor of numbers."""
    octets = map_file(path, 0, (path.stat().st_size,))[offset : offset + prod(shape) * dtype.itemsize]
    return octets.view(dtype).view(shape)


@cache
def _say_so_if_cut_short() -> None:
    """Have the process end with a line, not with a bare SIGBUS, if a mapped file is cut short between a check and a read.

    Python's own handlers run between two of its instructions, and such a read never comes to its end.
    """
    if not hasattr(signal, "SIGBUS") or faulthandler.is_enabled() or signal.getsignal(signal.SIGBUS) is not signal.SIG_DFL:
        return

    def end(_: int) -> None:
        os.write(2, CUT_SHORT)
        os._exit(FAILED)

    _handlers.append(ctypes.CFUNCTYPE(None, ctypes.c_int)(end))
    ctypes.CDLL(None).signal(signal.SIGBUS, _handlers[-1])


_handlers: list[object] = []  # C keeps no references


def is_mapped(tensor: Tensor) -> bool:
    """Whether the tensor's storage is a mapped file."""
    return tensor.untyped_storage().data_ptr() in _mappings


def release_pages(tensor: Tensor) -> None:
    """Release the resident pages of a mapped tensor (MADV_DONTNEED); later access reads them from the file again.

    Does nothing if the tensor is not mapped or the system has no such call. Without it, the resident memory of a process that goes
    through a file grows to the size of the file.
    """
    mapping = _mappings.get(tensor.untyped_storage().data_ptr())
    if mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    if not tensor.numel():
        return
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    first = int(tensor.storage_offset()) * tensor.element_size()
    end = first + (1 + last) * tensor.element_size()
    start = first - first % mmap.PAGESIZE
    mapping.madvise(mmap.MADV_DONTNEED, start, end - start)


def pieces(rows: Tensor, count: int | None = None) -> Iterator[Tensor]:
    """The rows (N, ...), mapped or not, `count` at a time, whose pages are released when the next are asked for."""
    for piece in rows.split(count or rows_per_release(rows)):
        yield piece
        release_pages(piece)


def copy_rows(rows: Tensor, place: Tensor) -> Tensor:
    """Copy rows (B, D) of any type, mapped or not, into `place` (B, D), and return it.

    The pages of mapped rows are released on the way. The kernel maps up to 2 MB around each row: 4,000 evenly spaced rows out of
    8.1 million took 1.2 GB at once.
    """
    mapping = _mappings.get(rows.untyped_storage().data_ptr())
    if mapping is None:
        return place.copy_(rows)
    count = rows_per_release(rows)
    for target, source in zip(place.split(count), rows.split(count), strict=True):
        mapping.check_size()
        target.copy_(source)
        release_pages(source)
    return place


def gather_rows(rows: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """`rows[index]` (B, D) of rows (N, D), mapped or not, written to `out` if given.

    Mapped rows are read in the order of the file, where one page serves many, released, and then brought into the order of `index`.
    """
    mapping = _mappings.get(rows.untyped_storage().data_ptr())
    if mapping is None:
        return torch.index_select(rows, 0, index, out=out)
    index, order = index.sort()
    sorted_rows = rows.new_empty(len(index), *rows.shape[1:])
    ends = torch.arange(0, len(rows), rows_per_release(rows))[1:]
    cuts = torch.searchsorted(index, ends)
    for part, target, end in zip_longest(index.tensor_split(cuts), sorted_rows.tensor_split(cuts), ends.tolist()):
        mapping.check_size()
        torch.index_select(rows, 0, part, out=target)  # nine times faster than rows[part] for uint8
        release_pages(rows[:end])
    inverse = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    return torch.index_select(sorted_rows, 0, inverse, out=out)


def evenly_spaced(rows: Tensor, count: int) -> Tensor:
    """At most about `count` rows of (N, ...), mapped or not, as a copy in memory; all if there are no more.

    A plain `rows[::step]` of a mapped file leaves up to 2 MB around each of them resident.
    """
    return gather_rows(rows, torch.arange(0, len(rows), max(1, len(rows) // count)))


def update_digest(digest: "hashlib._Hash", rows: Tensor) -> None:
    """Feed the bytes of rows (N, ...), mapped or not, to a hash; pages of mapped rows are released on the way."""
    mapping = _mappings.get(rows.untyped_storage().data_ptr())
    for piece in rows.split(rows_per_release(rows)) if mapping is not None and len(rows) else (rows,):
        if mapping is not None:
            mapping.check_size()
        digest.update(piece.contiguous().view(torch.uint8).numpy().data)  # NumPy has no bfloat16
        release_pages(piece)


def rows_per_release(rows: Tensor) -> int:
    """How many of these rows take `RELEASE_BYTES` of their file."""
    return max(1, RELEASE_BYTES // (rows.stride(0) * rows.element_size()))
