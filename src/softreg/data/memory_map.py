"""Arrays left in their files: mapped into memory read-only, each page read from the disk when it is looked at."""

import mmap
import warnings
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RELEASE_BYTES = 2**26  # bytes of a file that are looked at before they are let go of

_mappings: WeakValueDictionary[int, mmap.mmap] = WeakValueDictionary()  # by the address of their first byte


def map_file(path: Path, offset: int, shape: tuple[int, ...]) -> Tensor:
    """The bytes of a file from `offset` on as a uint8 tensor of this shape. It must not be written to.

    torch.from_file would do, but its private mapping is counted by the kernel as if it were all going to be written:
    for a file larger than memory that is refused.
    """
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with suppress(AttributeError, OSError):  # read 2 MB at a time: rows in a random order come 1.6 times faster than by 4 kB
        mapping.madvise(mmap.MADV_HUGEPAGE)  # Linux alone, and not every one
    array: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
    _mappings[array.ctypes.data] = mapping
    with warnings.catch_warnings():  # torch knows no read-only tensors and says so
        warnings.filterwarnings("ignore", "The given (NumPy array|buffer) is not writable", UserWarning)
        return torch.from_numpy(array)[offset:].view(shape)


def is_mapped(tensor: Tensor) -> bool:
    """Whether the tensor, or what it is a part of, lies in a file."""
    return tensor.untyped_storage().data_ptr() in _mappings


def release_pages(tensor: Tensor) -> None:
    """Give back the memory that the looked-at pages of a mapped tensor take; looking again reads them again.

    Does nothing for a tensor that is not mapped, or where the system has no such call. Whoever goes through a file larger than
    memory lets go of each chunk, or the process seems to grow to the size of the file.
    """
    mapping = _mappings.get(tensor.untyped_storage().data_ptr())
    if mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    if not tensor.numel():
        return
    first = int(tensor.storage_offset())
    end = first + 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = first - first % mmap.PAGESIZE
    mapping.madvise(mmap.MADV_DONTNEED, start, end - start)


def copy_rows(rows: Tensor, place: Tensor) -> Tensor:
    """`place` (B, D), filled with rows (B, D) of any type, mapped or not.

    Mapped rows are let go of. The kernel maps up to 2 MB around each: 4,000 of 8.1 million, spread evenly, took 1.2 GB at once.
    """
    if not is_mapped(rows):
        return place.copy_(rows)
    few = _held(rows)
    for part, some in zip(place.split(few), rows.split(few), strict=True):
        part.copy_(some)
        release_pages(some)
    return place


def gather_rows(rows: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """The rows (B, D) numbered `index` (B,) of rows (N, D), mapped or not; written to `out`, if it is given.

    Mapped rows are looked at in the order of the file, where a page serves many, let go of, and then put in the order asked for.
    """
    if not is_mapped(rows):
        return torch.index_select(rows, 0, index, out=out)
    index, order = index.sort()
    found = rows.new_empty(len(index), *rows.shape[1:])
    ends = torch.arange(0, len(rows), _held(rows))[1:]
    cuts = torch.searchsorted(index, ends)
    for few, place, end in zip_longest(index.tensor_split(cuts), found.tensor_split(cuts), ends.tolist()):
        torch.index_select(rows, 0, few, out=place)  # nine times faster than rows[few] for uint8
        release_pages(rows[:end])
    inverse = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    return torch.index_select(found, 0, inverse, out=out)


def _held(rows: Tensor) -> int:
    """How many of these rows lie in `HELD` bytes of their file."""
    return max(1, RELEASE_BYTES // rows.stride(0))
