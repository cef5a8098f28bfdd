"""CSV: one image a row, as Kaggle's digit recognizer has them: a label and the pixels, row by row.

The file is read a few thousand rows at a time. Pixels are whole numbers from 0 to 255 or, throughout a file, fractions from 0 to 1.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from sys import intern

import numpy as np
import torch
from numpy.typing import NDArray

from softreg.data.forms.csv_layout import Layout, has_pixels, layout_of
from softreg.data.forms.csv_text import SUFFIXES, Line, is_number, opened, split
from softreg.data.forms.source import Part, ReadOptions, Source, choose, files_by_part, one_file, rows_of_side
from softreg.data.image_array import is_planar, rows_to_images, to_labels
from softreg.data.image_store import ImageStore
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

CHUNK_ROWS = 2000
CHUNK_CHARACTERS = 2**24  # of longer rows fewer are taken
SIDEWAYS = "emnist-"  # begins the names of files whose letters lie on their side

Pixels = NDArray[np.float64] | NDArray[np.uint8]


class CsvTable:
    """A CSV file, or a folder with one for training and one for testing."""

    def matches(self, path: Path) -> bool:
        """Whether it is a CSV file, or a folder with one that has pixels in it, by its first line."""
        if not path.is_dir():
            return path.is_file() and path.name.lower().endswith(SUFFIXES)
        files = [file for found in files_by_part(path, SUFFIXES, shards=True).values() for file in found[:1]]
        return bool(files) and has_pixels(files[0])

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. A test file without labels is no test part."""
        if path.is_file():
            return Source(_whole(path, options), None)
        parts = {part: _whole(file, options) for part, file in _files(path).items()}
        return Source(parts.get("train"), parts.get("test"))

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`. Labels are text."""
        files = {"train": path} if path.is_file() else _files(path)
        file = choose(files, part, divided=bool(options.split))
        for chunk in _chunks(file, replace(options, strict=bool(part))) if file else ():
            labels = chunk.labels and [_canonical(cell) for cell in chunk.labels]
            if part and labels:
                _check_labels(labels, chunk.lines, path)
            yield from rows_of_side(replace(chunk, labels=labels), part)


def _files(path: Path) -> dict[str, Path]:
    """The file of each part; several without a part in their names are refused."""
    files = files_by_part(path, SUFFIXES) or files_by_part(path, SUFFIXES, shards=True)
    return {part: one_file(path, part, found) for part, found in files.items()}


def _whole(path: Path, options: ReadOptions) -> Part:
    """The whole file as one part."""
    store = ImageStore()
    cells: dict[str, list[str]] = {"labels": [], "ids": [], "splits": [], "groups": []}
    lines: list[torch.Tensor] = []
    for chunk in _chunks(path, options):
        store.append(chunk.images)
        for name, column in cells.items():
            column.extend(map(intern, getattr(chunk, name) or ()))
        assert chunk.lines is not None
        lines.append(chunk.lines)
    labels, splits, groups = (cells[name] or None for name in ("labels", "splits", "groups"))
    numbers = torch.cat(lines)
    return Part(store.finish(), labels and _labels(labels, numbers, path), path, tuple(cells["ids"]), numbers, splits, groups)


def _labels(cells: list[str], lines: torch.Tensor, path: Path) -> torch.Tensor | list[str]:
    """Labels as numbers if all of them are; an empty cell is an error."""
    _check_labels(cells, lines, path)
    try:
        numbers = np.array(cells, dtype=np.float64)
    except ValueError:
        return cells
    return to_labels(numbers, path)


def _check_labels(cells: list[str], lines: torch.Tensor | None, path: Path) -> None:
    """Raise a DataError if a cell is empty."""
    if "" in cells and lines is not None:
        raise DataError("forms.csv_no_label", path=path, row=int(lines[cells.index("")]))


def _canonical(cell: str) -> str:
    """A whole number as such: "1.0" and "1" are the same class. Equal labels are one string in memory."""
    return intern(str(int(float(cell))) if is_number(cell) and float(cell).is_integer() else cell)


def _chunks(path: Path, options: ReadOptions) -> Iterator[Part]:
    """The file a few thousand rows at a time; labels are still text."""
    with opened(path) as text:
        waiting = _some(text.lines)
        if not waiting:
            raise DataError("data.no_images", path=path)
        layout = layout_of([line for _, line in waiting], path, options)
        lines = chain(waiting[int(layout.header) :], text.lines)
        sideways = path.name.lower().startswith(SIDEWAYS) and layout.shape == (28, 28)
        if sideways:
            warnings.warn(translate("dataset.turned_upright", where=path), SoftregWarning, stacklevel=2)
        fractions: bool | None = None
        planar: bool | None = None
        while chunk := _some(lines):
            columns, pixels = _parsed(chunk, layout, path)
            if fractions is None:
                fractions = bool((pixels != np.floor(pixels)).any() and pixels.max() <= 1)
            rows = _to_uint8(pixels, fractions, chunk, path)
            if planar is None:
                planar = len(layout.shape) == 3 and is_planar(rows, layout.shape, path)
            images = rows_to_images(rows, layout.shape, path, planar=planar)
            images = np.ascontiguousarray(images.swapaxes(1, 2) if sideways else images)
            labels, ids, splits, groups = (
                None if column is None else columns[column]
                for column in (layout.label, layout.identity, layout.split, layout.group)
            )
            numbers = torch.tensor([number for number, _ in chunk])
            yield Part(torch.from_numpy(images), labels, path, ids or (), numbers, splits, groups, text.share)
    if fractions is None:
        raise DataError("data.no_images", path=path)


def _some(lines: Iterator[Line]) -> list[Line]:
    """The next lines, a few thousand or fewer; none at the end."""
    taken, characters = [], 0
    for number, line in islice(lines, CHUNK_ROWS):
        taken.append((number, line))
        characters += len(line)
        if characters >= CHUNK_CHARACTERS:
            break
    return taken


def _parsed(chunk: Sequence[Line], layout: Layout, path: Path) -> tuple[dict[int, list[str]], Pixels]:
    """The columns that are no pixels as text, and the pixels (rows, pixels)."""
    others = layout.others
    texts: dict[int, list[str]] = {column: [] for column in others}
    rest = []
    for number, line in chunk:
        is_plain = '"' not in line and layout.packed is None
        if is_plain and not others:
            pixels, found = line, line.count(layout.delimiter) + 1
        elif is_plain and others == [0]:
            text, _, pixels = line.partition(layout.delimiter)
            texts[0].append(text.strip())
            found = pixels.count(layout.delimiter) + 2
        else:
            cells = split(line, layout.delimiter)
            found = len(cells)
            if found == layout.columns:
                for column in others:
                    texts[column].append(cells[column])
            pixels = _pixels_of(cells, layout)
        if found != layout.columns:
            raise DataError("forms.csv_row", path=path, row=number, cells=found, columns=layout.columns)
        rest.append(pixels)
    return texts, _numbers(rest, layout, chunk, path)


def _pixels_of(cells: list[str], layout: Layout) -> str:
    """The pixels of a row of cells, divided by the delimiter."""
    if layout.packed is not None and layout.packed < len(cells):
        return layout.delimiter.join(cells[layout.packed].split())
    return layout.delimiter.join(cell for column, cell in enumerate(cells) if column not in layout.others)


def _numbers(rest: list[str], layout: Layout, chunk: Sequence[Line], path: Path) -> Pixels:
    """All pixels of the chunk (rows, pixels), uint8 if they are; the first cell that is no number is named."""
    delimiter = None if layout.delimiter == " " else layout.delimiter
    with suppress(ValueError):  # four times as fast as floats
        return np.loadtxt(rest, dtype=np.uint8, delimiter=delimiter, comments=None, ndmin=2)
    cells = [line.split(delimiter) for line in rest]
    for (number, _), row in zip(chunk, cells, strict=True):
        if len(row) != len(cells[0]):
            raise DataError("forms.csv_row", path=path, row=number, cells=len(row), columns=len(cells[0]))
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        row_number, cell = next((row, cell) for row, line in enumerate(cells) for cell in line if not is_number(cell))
        raise DataError("forms.csv_cell", path=path, row=chunk[row_number][0], cell=repr(cell[:20])) from None


def _to_uint8(pixels: Pixels, fractions: bool, chunk: Sequence[Line], path: Path) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8 and not fractions:
        return pixels.astype(np.uint8, copy=False)
    good = (pixels >= 0) & (pixels <= (1 if fractions else 255))
    if not fractions:
        good &= pixels == np.floor(pixels)
    if not good.all():
        row, column = (int(index[0]) for index in np.nonzero(~good))
        raise DataError("forms.csv_cell", path=path, row=chunk[row][0], cell=f"{pixels[row, column]:g}")
    return (np.rint(pixels * 255.0) if fractions else pixels).astype(np.uint8)
