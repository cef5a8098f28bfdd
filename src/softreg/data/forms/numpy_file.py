"""NPZ and NPY, without pickle: Keras' mnist.npz, medmnist's, and what notebooks save."""

import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from softreg.data.forms.named_arrays import from_named_arrays, with_columns
from softreg.data.forms.source import ReadOptions, Source, WholeForm
from softreg.data.idx import MAX_BYTES
from softreg.errors import DataError


class NumpyFile(WholeForm):
    """An .npz file, a folder of .npy files named like the arrays in one, or a single .npy of images."""

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


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    arrays[name] = _read_npy(file, member.file_size, path, name)
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise DataError("forms.npy_damaged", path=path, why=getattr(error, "strerror", None) or error) from error


def _read_npy_file(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            return _read_npy(file, path.stat().st_size, path)
    except OSError as error:
        raise DataError("data.unreadable", path=path, why=error.strerror) from error


def _read_npy(file: IO[bytes], size: int, path: Path, name: str = "") -> NDArray[Any]:
    """The array in a .npy of `size` bytes, whose header is checked against that before anything is allocated."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise DataError("forms.npy_pickle", path=f"{path}: {name}" if name else path)
        wanted = prod(shape) * dtype.itemsize
        if wanted > min(size, MAX_BYTES) or min(shape, default=0) < 0:
            raise DataError("forms.npy_damaged", path=path, why=f"{shape} {dtype}, {size} bytes")
        content = file.read(wanted + 1)
    except (ValueError, TypeError, SyntaxError, zlib.error, zipfile.BadZipFile, EOFError) as error:
        raise DataError("forms.npy_damaged", path=path, why=error) from error
    if len(content) != wanted:
        raise DataError("forms.npy_damaged", path=path, why=f"{shape} {dtype}, {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
