"""The lines of a CSV file, gzip'd or not, in UTF-8 or UTF-16, and the cells of a line."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from softreg.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".tsv")
DELIMITERS = ",;\t| "
MAX_LINE = 2**24  # characters
MAX_CELLS = 2**22  # of a line: the largest image has three quarters as many
MAX_EMPTY = 100_000  # empty lines in a row: a gzip'd file of 200 kB may have 200 million
_GZIP, _UTF16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")

Line = tuple[int, str]  # its number, and its text


@dataclass(frozen=True)
class CsvText:
    """An open CSV file: its lines, without empty ones, and the file, which tells how much of its `size` bytes has been read."""

    lines: Iterator[Line]
    file: IO[bytes]
    size: int

    @property
    def share(self) -> float:
        """How much of the file has been read."""
        return min(1.0, self.file.tell() / max(1, self.size))


@contextmanager
def opened(path: Path) -> Iterator[CsvText]:
    """The text of the file; whatever is wrong with it on the way is a DataError."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            unpacked = gzip.GzipFile(fileobj=file) if start == _GZIP else file
            text = io.TextIOWrapper(unpacked, "utf-16" if start in _UTF16 else "utf-8-sig")
            yield CsvText(_lines(text, path), file, path.stat().st_size)
    except UnicodeError as error:
        raise DataError("forms.csv_encoding", path=path, why=getattr(error, "reason", error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("data.unreadable", path=path, why=getattr(error, "strerror", None) or error) from error


def cells_of(line: str) -> list[str]:
    """The cells of a line, divided by what it has most of: commas, semicolons, tabs, bars or blanks."""
    return split(line, delimiter_of(line))


def delimiter_of(line: str) -> str:
    """What divides the cells of a line."""
    return max(DELIMITERS, key=line.count)


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without the blanks around them."""
    cells = next(csv.reader([line], delimiter=delimiter)) if '"' in line else line.split(delimiter)
    return [cell.strip() for cell in cells]


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[Line]:
    number = empty = 0
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE or (len(line) > MAX_CELLS and max(map(line.count, DELIMITERS)) > MAX_CELLS):
            raise DataError("forms.csv_long_line", path=path)
        number += 1
        stripped = line.rstrip("\r\n")
        if stripped and not stripped.isspace():
            empty = 0
            yield number, stripped
        elif (empty := empty + 1) > MAX_EMPTY:
            raise DataError("forms.csv_empty_lines", path=path, row=number, most=MAX_EMPTY)
