"""A strict reader of the IDX format.

A file is `00 00 TYPE NDIM`, then NDIM big-endian 32-bit sizes, then the numbers, the last dimension fastest; plain, or inside gzip.
(LeCun, Cortes and Burges, "The MNIST database", THE IDX FILE FORMAT.) The header is checked against the size of the file before any
memory is allocated.
"""

import hashlib
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.memory_map import map_file
from softreg.errors import DataError

UBYTE, INT = 0x08, 0x0C
_TYPES: dict[int, np.dtype[Any]] = {UBYTE: np.dtype(np.uint8), INT: np.dtype(">i4")}
_PIECE = 1 << 20
_MAX_DEFLATE_RATIO = 1032  # of deflate
_GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 1 << 32  # in memory
MAPPED_BYTES = 1 << 40


def read_idx(path: Path, ndim: int, *, kind: int = UBYTE, max_bytes: int = MAX_BYTES, sha256: str | None = None) -> Tensor:
    """The array in an IDX file, read into memory: uint8 or int32, in the shape the file declares.

    Parameters
    ----------
    path : the file; gzip is recognised by its first bytes
    ndim : how many dimensions it must have: 3 for images (N, 28, 28), 1 for labels (N,)
    kind : the type its numbers must have: UBYTE (uint8) or INT (int32)
    max_bytes : the largest payload accepted
    sha256 : of the uncompressed content; None if unknown

    Raises
    ------
    DataError
        If the file is missing, not IDX, of another type or dimension, too short, too long, damaged, or not the content expected.
    """
    with closing(_pieces(path)) as pieces:
        start = _start(pieces, ndim)
        shape = _shape(path, start, ndim, kind)
        wanted = _payload(path, shape, kind, max_bytes)
        if wanted > _capacity(path):
            raise DataError("data.idx_short", path=path, shape=shape, size=wanted)
        content = np.empty(wanted, np.uint8)
        _fill(path, content, shape, chain([start[4 + 4 * ndim :]], pieces))
    if sha256:
        digest = hashlib.sha256(start[: 4 + 4 * ndim])
        digest.update(content.data)
        check_hash(path, "SHA-256", sha256, digest.hexdigest())
    numbers = content.view(_TYPES[kind]).reshape(shape)
    return torch.from_numpy(numbers.astype(_TYPES[kind].newbyteorder("="), copy=False))


def map_idx(path: Path, ndim: int) -> Tensor:
    """The uint8 array in an uncompressed IDX file, memory-mapped read-only.

    Header and file size are checked as in `read_idx`.
    """
    with closing(_pieces(path)) as pieces:
        shape = _shape(path, _start(pieces, ndim), ndim, UBYTE)
    offset, wanted, size = 4 + 4 * ndim, _payload(path, shape, UBYTE, MAPPED_BYTES), path.stat().st_size
    if size - offset != wanted:
        raise DataError("data.idx_short" if size - offset < wanted else "data.idx_long", path=path, shape=shape, size=wanted)
    return map_file(path, offset, shape)


def ndim_of(path: Path) -> int:
    """How many dimensions the header of an IDX file declares.

    Raises
    ------
    DataError
        If it is missing or not IDX.
    """
    with closing(_pieces(path)) as pieces:
        start = _start(pieces, 0)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError("data.idx_magic", path=path, found=start[:4].hex(" ") or "-")
    return start[3]


def check_hash(path: Path, algorithm: str, wanted: str, found: str) -> None:
    """Raise a DataError if the hash is not the expected one."""
    if found != wanted:
        raise DataError("data.wrong_hash", path=path, algorithm=algorithm, wanted=wanted, found=found)


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip'd, by its first two bytes."""
    try:
        with path.open("rb") as file:
            return file.read(2) == _GZIP_MAGIC
    except OSError as error:
        raise DataError("data.unreadable", path=path, why=error.strerror) from error


def _pieces(path: Path) -> Generator[bytes, None, None]:
    """The uncompressed content, at most 1 MiB at a time. The CRC and length of a gzip are checked, and that nothing follows it."""
    try:
        with path.open("rb") as file:
            start = file.read(_PIECE)
            inflate = zlib.decompressobj(wbits=31) if start[:2] == _GZIP_MAGIC else None  # 31: gzip, CRC and length checked
            while start:
                if inflate is None:
                    yield start
                else:
                    yield from _inflated(path, inflate, start)
                start = file.read(_PIECE)
    except OSError as error:
        raise DataError("data.unreadable", path=path, why=error.strerror) from error
    except zlib.error as error:
        raise DataError("data.gzip_damaged", path=path, why=str(error).rpartition(": ")[2]) from error
    if inflate is not None and not inflate.eof:
        raise DataError("data.gzip_cut", path=path)


def _inflated(path: Path, inflate: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Decompress `packed`, the next bytes of a gzip."""
    while packed and not inflate.eof:
        yield inflate.decompress(packed, _PIECE)
        packed = inflate.unconsumed_tail
    if inflate.unused_data or (packed and inflate.eof):
        raise DataError("data.gzip_trailing", path=path)


def _fill(path: Path, content: NDArray[np.uint8], shape: tuple[int, ...], pieces: Iterable[bytes]) -> None:
    """Fill `content` with the pieces, whose total length must be the same."""
    filled = 0
    for piece in pieces:
        if filled + len(piece) > len(content):
            raise DataError("data.idx_long", path=path, shape=shape, size=len(content))
        content[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    if filled < len(content):
        raise DataError("data.idx_short", path=path, shape=shape, size=len(content))


def _start(pieces: Iterator[bytes], ndim: int) -> bytes:
    """The first pieces joined, until they contain the whole header."""
    start = b""
    while len(start) < 4 + 4 * ndim and (piece := next(pieces, None)) is not None:
        start += piece
    return start


def _shape(path: Path, start: bytes, ndim: int, kind: int) -> tuple[int, ...]:
    """The shape that the header declares, if it has the expected type and dimensions."""
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError("data.idx_magic", path=path, found=start[:4].hex(" ") or "-")
    if start[2] != kind:
        raise DataError("data.idx_type", path=path, found=f"0x{start[2]:02x}", wanted=f"0x{kind:02x}")
    if start[3] != ndim:
        raise DataError("data.idx_dims", path=path, found=start[3], wanted=ndim)
    if len(start) < 4 + 4 * ndim:
        raise DataError("data.idx_magic", path=path, found=start.hex(" "))
    return tuple(int(size) for size in np.frombuffer(start, ">u4", count=ndim, offset=4))


def _payload(path: Path, shape: tuple[int, ...], kind: int, max_bytes: int) -> int:
    """The size in bytes that the header declares. Next to a zero the other sizes are checked, too: numpy multiplies them."""
    size = prod(max(1, length) for length in shape) * _TYPES[kind].itemsize
    if size > max_bytes:
        raise DataError("data.idx_too_large", path=path, shape=shape, size=size, most=max_bytes)
    return size if all(shape) else 0


def _capacity(path: Path) -> int:
    """An upper bound of the uncompressed size."""
    return path.stat().st_size * (_MAX_DEFLATE_RATIO if is_gzip(path) else 1)
