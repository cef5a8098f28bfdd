"""Images or embeddings that come some at a time: kept in memory or, where they are many, in a temporary file that is mapped.

So a table of a million images is read, shuffled and divided in no more memory than one of two hundred thousand.
"""

from typing import IO

import torch
from torch import Tensor

from softreg.data.memory_map import MAP_FROM, gather_rows, is_mapped, map_open_file, rows_per_release
from softreg.errors import DataError
from softreg.storage.cache import cache_folder, temporary_file


class ImageStore:
    """Images to which more are appended; beyond `MAP_FROM` bytes they are in a file that goes with the last tensor over it."""

    def __init__(self) -> None:
        self._waiting: list[Tensor] = []
        self._n_bytes = self._n = 0
        self._shape: tuple[int, ...] = ()
        self._dtype = torch.uint8
        self._file: IO[bytes] | None = None

    def append(self, images: Tensor) -> None:
        """Add images uint8 (N, H, W) or (N, H, W, 3), or embeddings (N, D), of one shape and type.

        Raises
        ------
        DataError
            If there is no room in the cache.
        """
        self._waiting.append(images)
        self._n, self._n_bytes = self._n + len(images), self._n_bytes + images.nbytes
        if self._n_bytes > MAP_FROM:
            self._write()

    def finish(self) -> Tensor:
        """All images, of which there is at least one."""
        if self._file is None:
            return torch.cat(self._waiting)
        with self._file as file:
            file.flush()
            return map_open_file(file, cache_folder(), 0, (self._n_bytes,)).view(self._dtype).view(self._n, *self._shape)

    def _write(self) -> None:
        try:
            self._file = self._file or temporary_file()
            for images in self._waiting:
                self._file.write(images.contiguous().view(torch.uint8).numpy().data)
        except OSError as error:
            raise DataError("data.cache", path=error.filename or cache_folder(), why=error.strerror or error) from error
        self._shape, self._dtype = tuple(self._waiting[-1].shape[1:]), self._waiting[-1].dtype
        self._waiting.clear()


def take(images: Tensor, rows: Tensor) -> Tensor:
    """`images[rows]`: of mapped images, many of them are in a temporary file again."""
    if not is_mapped(images) or not len(rows):
        return images[rows]
    store = ImageStore()
    for part in rows.split(rows_per_release(images)):
        store.append(gather_rows(images, part))
    return store.finish()
