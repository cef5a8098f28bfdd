"""Embeddings on disk: what takes a network minutes or hours is computed once.

Each set of rows is a folder `embeddings/KEY` in the user's cache: `rows.npy`, float32 (N, D), and the SHA-256 that every reading
checks. The sets read least recently are removed when all of them take more than `MAX_BYTES`.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from softreg.data.download import file_digest
from softreg.data.memory_map import MAP_FROM, map_array
from softreg.errors import DataError
from softreg.storage.atomic import atomic_directory
from softreg.storage.cache import cache_folder

MAX_BYTES = 8 * 2**30
FOLDER, ROWS, SUM = "embeddings", "rows.npy", "rows.npy.sha256"


def cached_rows(key: str, shape: tuple[int, int], compute: Callable[[], Iterable[Tensor]]) -> Tensor:
    """Rows float32 (N, D) by their key; `compute` gives them, some at a time, if they are not on disk. Many of them stay there.

    Raises
    ------
    DataError
        If there is no room in the cache.
    """
    folder = cache_folder() / FOLDER / key
    try:
        if (rows := _read(folder, shape)) is None:
            with atomic_directory(folder) as temporary:
                _write(temporary, shape, compute())
            _remove_oldest(folder)
            rows = _read(folder, shape)
    except OSError as error:
        raise DataError("data.cache", path=error.filename or folder, why=error.strerror or error) from error
    assert rows is not None
    return rows


def _write(folder: Path, shape: tuple[int, int], pieces: Iterable[Tensor]) -> None:
    with (folder / ROWS).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for piece in pieces:
            file.write(piece.numpy().astype("<f4", copy=False).tobytes())
    (folder / SUM).write_text(file_digest(folder / ROWS, "sha256"), encoding="ascii")


def _read(folder: Path, shape: tuple[int, int]) -> Tensor | None:
    """The rows in a folder, mapped if they are many; None if they are not there, or not as they were saved."""
    path = folder / ROWS
    try:
        if file_digest(path, "sha256") != (folder / SUM).read_text(encoding="ascii", errors="replace"):
            return None
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if array.shape != shape or array.dtype != np.float32:
        return None
    os.utime(folder)  # it was used
    return map_array(array) if array.nbytes >= MAP_FROM else torch.from_numpy(np.array(array))


def _remove_oldest(new: Path) -> None:
    """Remove the sets read least recently, but never the new one, until the others and it take no more than `MAX_BYTES`."""
    sizes = {folder: _size(folder) for folder in new.parent.iterdir() if folder.is_dir()}
    total = sum(size for size, _ in sizes.values())
    for folder, (size, _) in sorted(sizes.items(), key=lambda item: item[1][1]):
        if total <= MAX_BYTES:
            return
        if folder != new and not folder.name.startswith("."):  # a temporary folder, being written
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _size(folder: Path) -> tuple[int, int]:
    """The bytes in a folder, and when it was last used; nothing if another process has just removed it."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir()), folder.stat().st_mtime_ns
    except OSError:
        return 0, 0
