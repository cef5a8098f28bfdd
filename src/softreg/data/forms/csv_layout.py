"""What the columns of a table of pixels mean, by their names, their number and the first rows."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from softreg.data.dataset import MIN_SIDE
from softreg.data.forms.csv_text import cells_of, delimiter_of, is_number, opened, split
from softreg.data.forms.source import ReadOptions
from softreg.data.image_array import row_shape
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

LABEL_NAMES = ("label", "labels", "class", "target", "y", "digit", "category", "emotion", "character")
ID_NAMES = ("id", "imageid", "image_id", "index", "unnamed: 0", "", "filename", "file", "file_name", "name", "path")
PACKED_NAMES = ("pixels", "image", "pixel")  # one cell with all pixels, divided by blanks
NUMBERED = re.compile(r".*\d")


@dataclass(frozen=True)
class Layout:
    """What the columns of a file mean.

    Attributes
    ----------
    delimiter : what divides the cells
    columns : how many there are
    header : whether the first line names them
    label, identity, split, group : numbers of these columns; None if there is none
    unused : columns of text that are nothing of these
    packed : the column that holds all pixels, divided by blanks; None if each pixel has its column
    shape : (H, W) or (H, W, 3) of the images
    """

    delimiter: str
    columns: int
    header: bool
    label: int | None
    identity: int | None
    split: int | None
    group: int | None
    unused: tuple[int, ...]
    packed: int | None
    shape: tuple[int, ...]

    @property
    def others(self) -> list[int]:
        """The columns that are no pixels, in order."""
        named = (self.label, self.identity, self.split, self.group)
        return sorted({column for column in named if column is not None} | set(self.unused))


def has_pixels(path: Path) -> bool:
    """Whether the first line of a file has as many columns as the smallest image has pixels, or names one for all of them."""
    with opened(path) as text:
        _, line = next(text.lines, (0, ""))
    cells = cells_of(line)
    return len(cells) >= MIN_SIDE**2 or any(cell.lower() in PACKED_NAMES for cell in cells)


def layout_of(lines: Sequence[str], path: Path, options: ReadOptions) -> Layout:
    """The layout of a file that begins with these lines.

    Raises
    ------
    DataError
        If a column that was asked for is not there, or the others are no images.
    """
    cells, delimiter = cells_of(lines[0]), delimiter_of(lines[0])
    header = _is_header(cells)
    names = [cell.lower() for cell in cells] if header else []
    rows = [split(line, delimiter) for line in lines[int(header) : int(header) + 1]]
    first_row = rows[0] if rows and len(rows[0]) == len(cells) else cells
    if not options.strict:
        options = _without_missing(names, len(cells), options)
    split_column, group = (_asked(name, names, path, cells) for name in (options.split, options.group))
    packed = next((names.index(name) for name in PACKED_NAMES if name in names and " " in first_row[names.index(name)]), None)
    identity = next((names.index(name) for name in ID_NAMES if name in names), None)
    named = _named_label(names, len(cells), path, options, cells)
    identity = None if identity == named else identity
    known = {column for column in (named, identity, split_column, group) if column is not None}
    text = _text_columns(names, first_row, known, packed)
    pixels = len(first_row[packed].split()) if packed is not None else len(cells) - len(known | set(text))
    label = named if named is not None or len(text) != 1 else text[0]  # the only text is the label
    text = tuple(column for column in text if column != label)
    maybe = 0 if label is not None else 1  # of the pixels may be the label
    if packed is None and not any(row_shape(count, options.size) for count in (pixels, pixels - maybe)):
        others = _named_otherwise(names, known | {*text})
        if row_shape(pixels - len(others), options.size):
            text, pixels = (*text, *others), pixels - len(others)
    if label is None and packed is None and row_shape(pixels, options.size) is None and row_shape(pixels - 1, options.size):
        label, pixels = _first_or_last(names, lines[int(header) :], delimiter, known | set(text), path), pixels - 1
    shape = row_shape(pixels, options.size)
    if shape is None:
        raise DataError("forms.csv_columns", path=path, columns=len(cells), pixels=pixels)
    unused = _unused(text, packed, len(cells), {*known, label}, names, path)
    return Layout(delimiter, len(cells), header, label, identity, split_column, group, unused, packed, shape)


def _is_header(cells: list[str]) -> bool:
    """Whether a line names the columns. One word alone may be the label of a first row, unless no two cells are alike."""
    words = [cell.lower() for cell in cells if not is_number(cell)]
    return (
        (not words and _are_counted(cells))
        or len(words) > 1
        or (len(words) == 1 and words[0] in (*LABEL_NAMES, *ID_NAMES, *PACKED_NAMES) and len(set(cells)) == len(cells))
    )


def _are_counted(cells: list[str]) -> bool:
    """Whether numbers are the names of columns that had none: 0, 1, 2, ... or, as pandas makes names differ, 0, 0.1, ..., 0.10.

    The latter are all different, and some of them are the same number; among pixels two alike are written alike.
    """
    if len(cells) < MIN_SIDE**2:
        return False
    if all(cell.isdecimal() for cell in cells):
        first = int(cells[0])
        return all(int(cell) == number for number, cell in enumerate(cells, start=first))
    return len(set(cells)) == len(cells) > len({float(cell) for cell in cells})


def _asked(name: str, names: list[str], path: Path, cells: list[str]) -> int | None:
    if name and name.lower() not in names:
        raise DataError("forms.no_column", path=path, column=name, columns=", ".join(cells[:5]))
    return names.index(name.lower()) if name else None


def _without_missing(names: list[str], count: int, options: ReadOptions) -> ReadOptions:
    """The options, without the columns that the file has not."""
    split, group, label = (name if name.lower() in names else "" for name in (options.split, options.group, options.label))
    if options.label in ("first", "last"):
        label = "" if row_shape(count, options.size) else options.label
    return replace(options, label=label, split=split, group=group)


def _named_label(names: list[str], count: int, path: Path, options: ReadOptions, cells: list[str]) -> int | None:
    if options.label in ("first", "last"):
        return 0 if options.label == "first" else count - 1
    return (
        _asked(options.label, names, path, cells)
        if options.label
        else next((names.index(name) for name in LABEL_NAMES if name in names), None)
    )


def _text_columns(names: list[str], row: list[str], known: set[int], packed: int | None) -> tuple[int, ...]:
    """Named columns, none of them numbered as pixels are, that hold text."""
    return tuple(
        column
        for column, name in enumerate(names)
        if column not in known and column != packed and not NUMBERED.fullmatch(name) and not is_number(row[column])
    )


def _named_otherwise(names: list[str], known: set[int]) -> tuple[int, ...]:
    """The columns of numbers whose names do not end in a number, as those of pixels do."""
    return tuple(column for column, name in enumerate(names) if column not in known and not NUMBERED.fullmatch(name))


def _first_or_last(names: list[str], lines: Sequence[str], delimiter: str, known: set[int], path: Path) -> int:
    """Where a label without a known name stands: in the first column or, if that says nothing, in the last."""
    free = [column for column in range(len(cells_of(lines[0])) if lines else 0) if column not in known] or [0]
    first, last = free[0], free[-1]
    if names and NUMBERED.fullmatch(names[first]) and not NUMBERED.fullmatch(names[last]):
        return last
    rows = [split(line, delimiter) for line in lines[:200]]
    values = [{row[column] for row in rows if column < len(row)} for column in (first, last)]
    if len(values[0]) == 1 and len(values[1]) > 1:
        warnings.warn(translate("forms.csv_last", path=path, value=next(iter(values[0]))), SoftregWarning, stacklevel=4)
        return last
    return first


def _unused(
    text: tuple[int, ...], packed: int | None, count: int, known: set[int | None], names: list[str], path: Path
) -> tuple[int, ...]:
    """The columns that are left out, which is said."""
    unused = text if packed is None else tuple(column for column in range(count) if column not in known | {packed})
    if unused:
        listed = ", ".join(names[column] for column in unused[:5])
        warnings.warn(translate("forms.csv_unused", path=path, columns=listed), SoftregWarning, stacklevel=4)
    return unused
