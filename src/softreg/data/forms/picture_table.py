"""A CSV file that names pictures: a column of files, or of ids that are their names, and one of labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch

from softreg.data.forms.csv_layout import ID_NAMES, LABEL_NAMES
from softreg.data.forms.csv_text import SUFFIXES, delimiter_of, is_number, opened, split
from softreg.data.forms.pictures import SUFFIXES as PICTURE_SUFFIXES
from softreg.data.forms.pictures import PictureFiles, decode_parts, stream
from softreg.data.forms.source import Part, ReadOptions, Source, choose, files_by_part, one_file, rows_of_side
from softreg.errors import DataError

MAX_COLUMNS = 64  # a wider table has pixels in it
FOLDERS = 50  # beside the table, in which its pictures are looked for


@dataclass(frozen=True)
class Layout:
    """What a table of pictures looks like.

    Attributes
    ----------
    names : of the columns, in small letters; () without a first line of names
    picture : number of the column that names pictures
    folder, suffix : what stands before and after the names
    """

    delimiter: str
    names: tuple[str, ...]
    picture: int
    folder: Path
    suffix: str


class PictureTable:
    """A CSV file beside its pictures, or a folder with one for training and one for testing."""

    def matches(self, path: Path) -> bool:
        """Whether the first row of a CSV file names a picture beside it."""
        if path.is_dir():
            files = [file for found in files_by_part(path, SUFFIXES).values() for file in found[:1]]
        else:
            files = [path] if path.is_file() and path.name.lower().endswith(SUFFIXES) else []
        return bool(files) and _layout(files[0]) is not None

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. A test file without labels is no test part."""
        where = _files(path)
        rows = {part: _rows(file, options) for part, file in where.items()}
        decoded = decode_parts({part: found.pictures for part, found in rows.items()}, options, where)
        parts = {part: _part(*decoded[part], rows[part], where[part]) for part in rows}
        return Source(parts.get("train"), parts.get("test"))

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`."""
        file = choose(_files(path), part, divided=bool(options.split))
        if file is None:
            return
        rows = _rows(file, replace(options, strict=bool(part)))
        for images, good in stream(rows.pictures, options, file):
            chunk = replace(_part(images, good, rows, file), share=(good[-1] + 1) / len(rows.ids) if good else 1.0)
            yield from rows_of_side(chunk, part)


@dataclass(frozen=True)
class Rows:
    """The columns of a table: pictures and what it calls them, labels, parts, groups (None without such a column) and lines."""

    pictures: PictureFiles
    ids: Sequence[str]
    labels: list[str] | None
    splits: Sequence[str] | None
    groups: Sequence[str] | None
    lines: Sequence[int]


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {"train": path}
    return {part: one_file(path, part, files) for part, files in files_by_part(path, SUFFIXES).items()}


def _layout(path: Path) -> Layout | None:
    """What the table looks like; None if it names no pictures. A number is no name but in a column of ids."""
    with opened(path) as text:
        lines = [line for _, line in islice(text.lines, 2)]
    if not lines or lines[0].count(delimiter := delimiter_of(lines[0])) >= MAX_COLUMNS:
        return None
    rows = [split(line, delimiter) for line in lines]
    for first, header in ((0, False), (1, True)):
        row = rows[first] if first < len(rows) and len(rows[first]) == len(rows[0]) else []
        names = tuple(name.lower() for name in rows[0]) if header else ()
        for column in range(len(row)):
            named = bool(names) and names[column] in ID_NAMES
            found = None if is_number(row[column]) and not named else _place_of(row[column], path)
            if found:
                return Layout(delimiter, names, column, *found)
    return None


def _place_of(cell: str, table: Path) -> tuple[Path, str] | None:
    """The folder of the picture that a cell names, and the suffix that the cell leaves out; None if the table's folder has none."""
    if not cell or len(cell) > 255 or "\0" in cell:
        return None
    base = table.parent
    folders = [base, *islice(sorted(entry for entry in base.iterdir() if entry.is_dir()), FOLDERS)]
    for folder in folders:
        for suffix in ("", *PICTURE_SUFFIXES):
            place = folder / f"{cell}{suffix}"
            if place.suffix.lower() in PICTURE_SUFFIXES and place.is_file() and ".." not in place.parts:
                return folder, suffix
    return None


def _rows(path: Path, options: ReadOptions) -> Rows:
    layout = _layout(path)
    if layout is None:
        raise DataError("forms.no_pictures", path=path)
    with opened(path) as text:
        rows = [(number, split(line, layout.delimiter)) for number, line in text.lines][bool(layout.names) :]
    width = max(len(layout.names), len(rows[0][1]))
    for number, cells in rows:
        if len(cells) != width:
            raise DataError("forms.csv_row", path=path, row=number, cells=len(cells), columns=width)
    label, *others = (_column(name, layout, path, options) for name in (options.label, options.split, options.group))
    if label is None and not options.label:
        label = _label(layout, width)
    labels, splits, groups = (None if column is None else [cells[column] for _, cells in rows] for column in (label, *others))
    if labels and "" in labels:
        raise DataError("forms.csv_no_label", path=path, row=rows[labels.index("")][0])
    ids = [cells[layout.picture] for _, cells in rows]
    names = [f"{name}{layout.suffix}" for name in ids]
    for name, (number, _) in zip(names, rows, strict=True):
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise DataError("forms.parquet_cell", path=path, row=number, found=name[:60])
    return Rows(PictureFiles(layout.folder, names), ids, labels, splits, groups, [number for number, _ in rows])


def _column(name: str, layout: Layout, path: Path, options: ReadOptions) -> int | None:
    """A column that was asked for."""
    if name in ("first", "last"):
        return 0 if name == "first" else -1
    if name.lower() in layout.names:
        return layout.names.index(name.lower())
    if name and options.strict:
        raise DataError("forms.no_column", path=path, column=name, columns=", ".join(layout.names[:5]))
    return None


def _label(layout: Layout, width: int) -> int | None:
    """The column of the label: by its name, or the only other one."""
    by_name = next((layout.names.index(name) for name in LABEL_NAMES if name in layout.names), None)
    others = [
        column for column in range(width) if column != layout.picture and not (layout.names and layout.names[column] in ID_NAMES)
    ]
    return by_name if by_name is not None else others[0] if len(others) == 1 else None


def _part(images: torch.Tensor, good: list[int], rows: Rows, path: Path) -> Part:
    columns = (rows.labels, rows.splits, rows.groups)
    labels, splits, groups = (None if column is None else [column[row] for row in good] for column in columns)
    lines = torch.tensor([rows.lines[row] for row in good])
    return Part(images, labels, path, [rows.ids[row] for row in good], lines, splits, groups)
