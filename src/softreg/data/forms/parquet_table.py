"""The rows of Parquet files, read by pyarrow: pictures, pixels or embeddings, with labels and class names."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.embeddings import NAMES as EMBEDDING_NAMES
from softreg.data.embeddings import are_embeddings, to_embeddings
from softreg.data.forms.csv_layout import ID_NAMES, LABEL_NAMES
from softreg.data.forms.pictures import Encoded
from softreg.data.forms.source import Part, ReadOptions
from softreg.data.image_array import to_images, to_labels
from softreg.data.image_store import ImageStore
from softreg.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

IMAGE_NAMES = ("image", "img", "picture", "png", "jpg", "pixels", "pixel_values")
LIST_NAMES = (*EMBEDDING_NAMES, "features")  # of columns of lists
BATCH_ROWS = 1000


class ParquetTable:
    """The rows of one part, in one file or several. Going through it gives the picture of each."""

    def __init__(self, files: Sequence[Path], options: ReadOptions) -> None:
        self.files, self.options = files, options
        self._opened = [_open(file) for file in files]
        self.names: list[str] = self._opened[0].schema_arrow.names
        lists = [field.name for field in self._opened[0].schema_arrow if _is_list(field.type)]
        wanted = [(name, self.names) for name in IMAGE_NAMES] + [(name, lists) for name in LIST_NAMES]
        self.image = next((column for name, columns in wanted for column in columns if column.lower() == name), None)
        self._columns: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return sum(int(file.metadata.num_rows) for file in self._opened)

    def __iter__(self) -> Iterator[Encoded]:
        assert self.image is not None
        for path, number, cell in self.cells(self.image):
            yield Encoded(_source(cell, path, number), f"{path}: row {number}")

    @cached_property
    def has_pictures(self) -> bool:
        """Whether there is a column of pictures, not of numbers."""
        if self.image is None:
            return False
        return not _is_list(self._opened[0].schema_arrow.field(self.image).type)

    @cached_property
    def has_embeddings(self) -> bool:
        """Whether there is a column of lists that are embeddings, by its name and its first numbers."""
        if self.image is None or not _is_list(self._opened[0].schema_arrow.field(self.image).type, of_floats=True):
            return False
        first, where, options = next(self._lists(), None), f"{self.files[0]}: {self.image}", self.options
        return first is not None and are_embeddings(first, self.image.lower(), where, wanted=options.embeddings, size=options.size)

    def _lists(self) -> Iterator[NDArray[Any]]:
        """The lists in the column of images, some at a time: (n, D)."""
        expected = None
        for path, file in zip(self.files, self._opened, strict=True):
            number = 0
            with _errors_of(path):
                for batch in file.iter_batches(BATCH_ROWS, columns=[self.image]):
                    flat = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                    if batch.column(0).null_count or len(flat) % len(batch):
                        raise DataError("forms.parquet_lists", path=path, first=number + 1, last=number + len(batch))
                    found = len(flat) // len(batch)
                    expected = expected or found
                    if found != expected:
                        raise DataError("forms.parquet_list", path=path, row=number + 1, found=found, expected=expected)
                    yield flat.reshape(len(batch), -1)
                    number += len(batch)

    def rows(self, embeddings: bool) -> Tensor:
        """The embeddings (N, D), or the images of a table of pixels."""
        if not embeddings:
            return self.pixels()
        store = ImageStore()
        for lists in self._lists():
            store.append(to_embeddings(lists, f"{self.files[0]}: {self.image}"))
        return store.finish()

    def cells(self, column: str) -> Iterator[tuple[Path, int, Any]]:
        """Each cell of a column, with its file and its row there."""
        for path, file in zip(self.files, self._opened, strict=True):
            number = 0
            if column not in file.schema_arrow.names:
                raise DataError("forms.no_column", path=path, column=column, columns=", ".join(file.schema_arrow.names[:5]))
            with _errors_of(path):
                for batch in file.iter_batches(BATCH_ROWS, columns=[column]):
                    for cell in batch.column(0).to_pylist():
                        number += 1
                        yield path, number, cell

    def column(self, name: str) -> str | None:
        """A column that was asked for, in any case; None if none was, or it is missing and need not be there."""
        found = next((column for column in self.names if column.lower() == name.lower()), None)
        if name and found is None and self.options.strict:
            raise DataError("forms.no_column", path=self.files[0], column=name, columns=", ".join(self.names[:5]))
        return found if name else None

    @cached_property
    def label(self) -> str | None:
        """The column of the label: the one asked for, else by its name, else the one that the hub's metadata names classes for."""
        by_name = (name for wanted in LABEL_NAMES for name in self.names if name.lower() == wanted)
        return self.column(self.options.label) or next(by_name, None) or next(filter(self._names_in_metadata, self.names), None)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by the hub's metadata; () if it has none."""
        return tuple(self._names_in_metadata(self.label)) if self.label else ()

    def _names_in_metadata(self, column: str) -> Sequence[str]:
        try:
            features = json.loads((self._opened[0].schema_arrow.metadata or {})[b"huggingface"])["info"]["features"]
            names = features[column]["names"]
        except (KeyError, TypeError, ValueError, RecursionError):
            return ()
        return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()

    def part(self, images: Tensor, good: list[int]) -> Part:
        """The part of these images, which are those of the rows `good`."""
        splits, groups = (self._texts(self.column(name), good) for name in (self.options.split, self.options.group))
        if len(self.files) == 1:
            lines = torch.tensor(good, dtype=torch.int64) + 1
            return Part(images, self._labels(good), self.files[0], lines=lines, splits=splits, groups=groups)
        rows = [
            f"{path.name}:{row}"
            for path, file in zip(self.files, self._opened, strict=True)
            for row in range(1, file.metadata.num_rows + 1)
        ]
        return Part(images, self._labels(good), self.files[0].parent, [rows[index] for index in good], splits=splits, groups=groups)

    def _texts(self, column: str | None, good: list[int]) -> list[str] | None:
        if column is None:
            return None
        if column not in self._columns:
            self._columns[column] = [str(cell) for _, _, cell in self.cells(column)]
        return [self._columns[column][index] for index in good]

    @cached_property
    def _label_cells(self) -> list[tuple[Path, int, Any]]:
        return list(self.cells(self.label)) if self.label else []

    def _labels(self, good: list[int]) -> Tensor | list[str] | None:
        """The labels; None if there is no such column, or all are the hub's -1 or null for images without labels."""
        cells = self._label_cells
        if all(cell in (None, -1) for _, _, cell in cells):
            return None
        missing = next(((path, number) for path, number, cell in cells if cell is None), None)
        if missing:
            raise DataError("forms.parquet_no_label", path=missing[0], row=missing[1])
        return to_labels(np.asarray([cells[index][2] for index in good]), f"{self.files[0]}: {self.label}")

    def _equal_lists(self, column: str) -> Iterator[list[Any]]:
        """The cells of a column of lists, all as long as the first."""
        expected = None
        for path, number, cell in self.cells(column):
            found = len(cell or ())
            expected = found if expected is None else expected
            if found != expected:
                raise DataError("forms.parquet_list", path=path, row=number, found=found, expected=expected)
            yield cell

    def pixels(self) -> Tensor:
        """The images of a table of numbers: a column of lists, or all columns that are no label, id or text."""
        if not len(self):
            raise DataError("data.no_images", path=self.files[0])
        if self.image is not None:
            rows: NDArray[Any] = np.asarray(list(self._equal_lists(self.image)))
        else:
            asked = {self.label, self.column(self.options.split), self.column(self.options.group)}
            types = {field.name: str(field.type) for field in self._opened[0].schema_arrow}
            columns = [
                name
                for name in self.names
                if name not in asked and name.lower() not in ID_NAMES and types[name].startswith(("int", "uint", "float", "double"))
            ]
            if len(columns) < 64:  # 8 x 8
                raise DataError(
                    "forms.parquet_columns", path=self.files[0], columns=", ".join(self.names[:10]), wanted=", ".join(IMAGE_NAMES)
                )
            read = [file.read(columns=columns) for file in self._opened]
            rows = np.concatenate([np.column_stack([column.to_numpy() for column in table.columns]) for table in read])
        return to_images(rows, f"{self.files[0]}", self.options.size)


def _is_list(kind: Any, *, of_floats: bool = False) -> bool:
    """Whether an Arrow type is that of lists, of any length or of one."""
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return lists and (not of_floats or types.is_floating(kind.value_type))


def _open(path: Path) -> "ParquetFile":
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("forms.needs_parquet", path=path) from error
    from pyarrow.parquet import ParquetFile

    with _errors_of(path):
        return ParquetFile(path)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises into a DataError that names the file."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        raise DataError("data.unreadable", path=path, why=str(error).partition("\n")[0]) from error


def _source(cell: Any, path: Path, number: int) -> Path | bytes:
    """The picture in a cell: bytes, or the hub's struct of bytes and path. A path must stay inside the file's folder."""
    found = cell.get("bytes") or cell.get("path") if isinstance(cell, dict) else cell
    if isinstance(found, bytes):
        return found
    folder = path.parent.resolve()
    place = (folder / found).resolve() if isinstance(found, str) else None
    if place is None or not place.is_relative_to(folder):
        raise DataError("forms.parquet_cell", path=path, row=number, found=repr(found)[:60])
    return place
