"""CSV: one image a row, as Kaggle's digit recognizer has them: a label and the pixels, row by row.

The file is read a few thousand rows at a time. Pixels are whole numbers from 0 to 255 or, throughout a file, fractions from 0 to 1.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from math import isqrt
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from numpy.typing import NDArray

from softreg.data.forms.source import Part, ReadOptions, Source, files_by_part
from softreg.data.image_array import to_labels
from softreg.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".tsv")
LABEL_NAMES = ("label", "labels", "class", "target", "y", "digit", "category")
ID_NAMES = ("id", "imageid", "image_id", "index", "unnamed: 0", "")
CHUNK_ROWS = 2000
MAX_LINE = 2**24  # characters


@dataclass(frozen=True)
class Layout:
    """What the columns of a file mean.

    Attributes
    ----------
    delimiter : comma, semicolon or tab
    columns : how many there are
    header : whether the first line names them
    label, identity : number of the label's and of the id's column; None if there is none
    size : (height, width) of the images in the other columns
    """

    delimiter: str
    columns: int
    header: bool
    label: int | None
    identity: int | None
    size: tuple[int, int]


class CsvTable:
    """A CSV file, or a folder with one for training and one for testing."""

    def matches(self, path: Path) -> bool:
        """Whether it is a CSV file, or a folder of them."""
        return path.name.lower().endswith(SUFFIXES) if path.is_file() else bool(path.is_dir() and files_by_part(path, SUFFIXES))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. A test file without labels is no test part."""
        if path.is_file():
            return Source(_joined(path, options), None)
        files = files_by_part(path, SUFFIXES)
        for part, paths in files.items():
            if len(paths) > 1:
                raise DataError("forms.several", path=path, part=part, files=", ".join(file.name for file in paths[:5]))
        parts = {part: _joined(paths[0], options) for part, paths in files.items()}
        return Source(parts.get("train"), parts.get("test"))

    def stream(self, path: Path, options: ReadOptions) -> Iterator[Part]:
        """See `Form`."""
        files = {"train": [path]} if path.is_file() else files_by_part(path, SUFFIXES)
        for file in files.get("test") or files.get("train") or []:
            yield from _chunks(file, options, needs_label=False)


def _joined(path: Path, options: ReadOptions) -> Part:
    """The whole file as one part."""
    chunks = list(_chunks(path, options))
    images = torch.cat([chunk.images for chunk in chunks])
    ids = tuple(name for chunk in chunks for name in chunk.ids)
    if chunks[0].labels is None:
        return Part(images, None, path, ids)
    cells = [cell for chunk in chunks for cell in (chunk.labels if isinstance(chunk.labels, list) else ())]
    try:
        labels = np.array([float(cell) for cell in cells])
    except ValueError:
        return Part(images, cells, path, ids)
    return Part(images, to_labels(labels, path), path, ids)


def _chunks(path: Path, options: ReadOptions, *, needs_label: bool = True) -> Iterator[Part]:
    """The file a few thousand rows at a time; labels are still text."""
    with _opened(path) as file:
        lines = ((number, line) for number, line in enumerate(_lines(file, path), 1) if line.strip())
        first = next(lines, None)
        if first is None:
            raise DataError("data.no_images", path=path)
        layout = _layout(first[1], path, options if needs_label else _without_missing_label(first[1], options))
        fractions: bool | None = None
        rows = 0
        waiting = [] if layout.header else [first]
        while chunk := [*waiting, *islice(lines, CHUNK_ROWS - len(waiting))]:
            waiting = []
            labels, ids, pixels = _parsed(chunk, layout, path)
            if fractions is None:
                fractions = bool((pixels != np.floor(pixels)).any() and pixels.max() <= 1)
            images = _to_uint8(pixels, fractions, chunk, path).reshape(-1, *layout.size)
            rows += len(images)
            yield Part(torch.from_numpy(images), labels, path, tuple(ids or ()))
    if not rows:
        raise DataError("data.no_images", path=path)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The text of the file, gzip'd or not; whatever is wrong with it on the way is a DataError."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        raise DataError("data.unreadable", path=path, why=f"UTF-8: {error.reason}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("data.unreadable", path=path, why=getattr(error, "strerror", None) or error) from error


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise DataError("forms.csv_long_line", path=path)
        yield line.rstrip("\r\n")


def _layout(line: str, path: Path, options: ReadOptions) -> Layout:
    """What the columns mean, by the names in the first line or, without names, by their number."""
    delimiter = max(",;\t", key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter))
    header = sum(not _is_number(cell) for cell in cells) > 1
    names = [cell.strip().lower() for cell in cells] if header else []
    label = _label_column(names, len(cells), path, options, cells)
    identity = next((names.index(name) for name in ID_NAMES if name in names and names.index(name) != label), None)
    pixels = len(cells) - (label is not None) - (identity is not None)
    size = options.size or (isqrt(pixels),) * 2
    if size[0] * size[1] != pixels or not pixels:
        raise DataError("forms.csv_columns", path=path, columns=len(cells), pixels=pixels)
    return Layout(delimiter, len(cells), header, label, identity, size)


def _without_missing_label(line: str, options: ReadOptions) -> ReadOptions:
    """The options, without the label's column if the file has none: images to answer for need no labels."""
    cells = next(csv.reader([line], delimiter=max(",;\t", key=line.count)))
    if options.label in ("first", "last"):
        pixels = options.size[0] * options.size[1] if options.size else isqrt(len(cells)) ** 2
        return options if len(cells) != pixels else replace(options, label="")
    names = [cell.strip().lower() for cell in cells]
    return options if options.label.lower() in names else replace(options, label="")


def _label_column(names: list[str], count: int, path: Path, options: ReadOptions, cells: list[str]) -> int | None:
    if options.label in ("first", "last"):
        return 0 if options.label == "first" else count - 1
    if options.label:
        if options.label.lower() not in names:
            raise DataError("forms.no_column", path=path, column=options.label, columns=", ".join(cells[:5]))
        return names.index(options.label.lower())
    if found := [names.index(name) for name in LABEL_NAMES if name in names]:
        return found[0]
    with_ids = count - any(name in names for name in ID_NAMES)
    pixels = options.size[0] * options.size[1] if options.size else isqrt(with_ids) ** 2
    return None if with_ids == pixels else 0


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parsed(
    chunk: list[tuple[int, str]], layout: Layout, path: Path
) -> tuple[list[str] | None, list[str] | None, NDArray[np.float64] | NDArray[np.uint8]]:
    """Labels and ids as text, pixels as numbers (rows, pixels)."""
    taken = [column for column in (layout.label, layout.identity) if column is not None]
    texts: dict[int, list[str]] = {column: [] for column in taken}
    rest = []
    for number, line in chunk:
        if '"' not in line and not taken:
            pixels = line
        elif '"' not in line and taken == [0]:
            text, _, pixels = line.partition(layout.delimiter)
            texts[0].append(text.strip())
        else:
            cells = next(csv.reader([line], delimiter=layout.delimiter))
            if len(cells) != layout.columns:
                raise DataError("forms.csv_row", path=path, row=number, cells=len(cells), columns=layout.columns)
            for column in taken:
                texts[column].append(cells[column].strip())
            pixels = layout.delimiter.join(cell for column, cell in enumerate(cells) if column not in taken)
        found = pixels.count(layout.delimiter) + 1 + len(taken)
        if found != layout.columns:
            raise DataError("forms.csv_row", path=path, row=number, cells=found, columns=layout.columns)
        rest.append(pixels)
    labels = texts[layout.label] if layout.label is not None else None
    return labels, texts[layout.identity] if layout.identity is not None else None, _numbers(rest, layout, chunk, path)


def _numbers(rest: list[str], layout: Layout, chunk: list[tuple[int, str]], path: Path) -> NDArray[np.float64] | NDArray[np.uint8]:
    """All pixels of the chunk (rows, pixels), uint8 if they are; the first cell that is no number is named."""
    with suppress(ValueError):  # four times as fast as floats
        return np.loadtxt(rest, dtype=np.uint8, delimiter=layout.delimiter, comments=None, ndmin=2)
    cells = [line.split(layout.delimiter) for line in rest]
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        row, cell = next((row, cell) for row, line in enumerate(cells) for cell in line if not _is_number(cell))
        raise DataError("forms.csv_cell", path=path, row=chunk[row][0], cell=repr(cell[:20])) from None


def _to_uint8(
    pixels: NDArray[np.float64] | NDArray[np.uint8], fractions: bool, chunk: list[tuple[int, str]], path: Path
) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8 and not fractions:
        return pixels.astype(np.uint8, copy=False)
    good = (pixels >= 0) & (pixels <= (1 if fractions else 255))
    if not fractions:
        good &= pixels == np.floor(pixels)
    if not good.all():
        row, column = (int(index[0]) for index in np.nonzero(~good))
        raise DataError("forms.csv_cell", path=path, row=chunk[row][0], cell=f"{pixels[row, column]:g}")
    return (np.rint(pixels * 255.0) if fractions else pixels).astype(np.uint8)
