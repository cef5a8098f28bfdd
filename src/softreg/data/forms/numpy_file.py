"""NPZ and NPY, without pickle: Keras' mnist.npz, medmnist's, and what notebooks save.

Large rows of floating point, such as embeddings, are not read: they stay in the file or, if that is compressed, are unpacked to a
temporary one.
"""

import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from softreg.data.forms.named_arrays import from_named_arrays, with_columns
from softreg.data.forms.source import ReadOptions, Source, WholeForm
from softreg.data.idx import MAX_BYTES
from softreg.data.image_store import ImageStore
from softreg.data.memory_map import MAP_FROM, map_rows
from softreg.errors import DataError

ROWS = {"<f2": torch.float16, "<f4": torch.float32, "|V2": torch.bfloat16}  # the last as NumPy writes what it does not know
PIECE = 2**26  # bytes of a compressed file that are unpacked at a time


class NumpyFile(WholeForm):
    """An .npz file, a folder of .npy files named like the arrays in one, or a single .npy of images or embeddings."""

    def matches(self, path: Path) -> bool:
        """Whether it is such a file, or a folder with one .npz or some .npy in it."""
        if path.is_file():
            return path.suffix.lower() in (".npz", ".npy")
        return path.is_dir() and (len(list(path.glob("*.npz"))) == 1 or any(path.glob("*.npy")))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""
        if path.is_dir() and (packed := list(path.glob("*.npz"))):
            path = packed[0]
        arrays: Mapping[str, Any]
        if path.is_dir():
            arrays = {file.stem: _read_npy_file(file) for file in sorted(path.glob("*.npy"))}
        else:
            arrays = _read_npz(path) if path.suffix.lower() == ".npz" else {"images": _read_npy_file(path)}
        return with_columns(from_named_arrays(arrays, path, options), arrays, options, path)


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    start = _start_in(path, member) if member.compress_type == zipfile.ZIP_STORED else None
                    arrays[name] = _read_npy(file, member.file_size, path, name, start)
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise DataError("forms.npy_damaged", path=path, why=getattr(error, "strerror", None) or error) from error


def _start_in(path: Path, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a member that is not compressed begin: after its local header, its name and what else is there."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(30)
    return member.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def _read_npy_file(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _read_npy(file, path.stat().st_size, path, start=0)
    except OSError as error:
        raise DataError("data.unreadable", path=path, why=error.strerror) from error


def _read_npy(file: IO[bytes], size: int, path: Path, name: str = "", start: int | None = None) -> Any:
    """The array in a .npy of `size` bytes, whose header is checked against that before anything is allocated.

    `start` is where it begins in `path`, None if it is compressed there.
    """
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise DataError("forms.npy_pickle", path=f"{path}: {name}" if name else path)
        wanted = prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or wanted > size:
            raise DataError("forms.npy_damaged", path=path, why=f"{shape} {dtype}, {size} bytes")
        if wanted >= MAP_FROM and len(shape) == 2 and not fortran and dtype.str in ROWS:
            return _rows_in_file(file, path, start, shape, ROWS[dtype.str])
        if wanted > MAX_BYTES:
            raise DataError("forms.npy_too_large", path=path, shape=shape, size=wanted, most=MAX_BYTES)
        content = file.read(wanted + 1)
    except (ValueError, TypeError, SyntaxError, zlib.error, zipfile.BadZipFile, EOFError) as error:
        raise DataError("forms.npy_damaged", path=path, why=error) from error
    if len(content) != wanted:
        raise DataError("forms.npy_damaged", path=path, why=f"{shape} {dtype}, {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _rows_in_file(file: IO[bytes], path: Path, start: int | None, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """The rows (N, D) that follow in `file`, mapped: in `path` if they are aligned there, else in a temporary file."""
    offset = None if start is None else start + file.tell()
    if offset is not None and offset % dtype.itemsize == 0:
        return map_rows(path, offset, shape, dtype)
    store, count = ImageStore(), max(1, PIECE // (shape[1] * dtype.itemsize))
    for first in range(0, shape[0], count):
        n = min(count, shape[0] - first)
        content = bytearray(file.read(n * shape[1] * dtype.itemsize))
        store.append(torch.frombuffer(content, dtype=dtype).view(n, shape[1]))
    return store.finish()
