"""Parquet as the Hugging Face hub has it: a column of pictures (their bytes, or a path) and one of labels, in one file or several.

A file without pictures is read as a table of pixels: a column for each, or one of lists; lists of floating point may be embeddings.
Needs pyarrow, the extra `parquet`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from softreg.data.forms.parquet_table import ParquetTable
from softreg.data.forms.pictures import decode_parts, stream
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source, choose, files_by_part, rows_of_side

SUFFIXES = (".parquet",)


class Parquet:
    """A Parquet file, or a folder of them by part: train-00000-of-00002.parquet, data/test-..., test/0000.parquet, ..."""

    def matches(self, path: Path) -> bool:
        """Whether it is a Parquet file, or a folder of them."""
        return path.suffix.lower() in SUFFIXES if path.is_file() else bool(_files(path))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. The size of pictures is the commonest of the training part, or `options.size`."""
        files = {"train": [path]} if path.is_file() else _files(path)
        tables = {part: ParquetTable(found, options) for part, found in files.items()}
        first = next(iter(tables.values()))
        if first.has_pictures:
            decoded = decode_parts(tables, options, {part: table.files[0] for part, table in tables.items()})
        else:
            embeddings = first.has_embeddings
            decoded = {part: (table.rows(embeddings), list(range(len(table)))) for part, table in tables.items()}
        parts = {part: table.part(*decoded[part]) for part, table in tables.items()}
        return Source(parts.get("train"), parts.get("test"), first.class_names)

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`. Tables of numbers are read whole."""
        found = choose({"train": [path]} if path.is_file() else _files(path), part, divided=bool(options.split))
        if not found:
            return
        table = ParquetTable(found, replace(options, strict=bool(part)))
        whole = [] if table.has_pictures else [(table.rows(table.has_embeddings), list(range(len(table))))]
        for images, good in whole or stream(table, options, found[0]):
            chunk = replace(table.part(images, good), ids=(), classes=table.class_names)
            yield from rows_of_side(replace(chunk, share=(good[-1] + 1) / len(table) if good else 1.0), part)


def _files(path: Path) -> dict[str, list[Path]]:
    """The files of each part: in the folder, in its data/, or in a folder for each part."""
    if not path.is_dir():
        return {}
    for folder in (path, path / "data"):
        if folder.is_dir() and (found := files_by_part(folder, SUFFIXES, shards=True)):
            return found
    parts = {"train": TRAIN_NAMES, "test": TEST_NAMES}
    folders = {part: next((path / name for name in names if (path / name).is_dir()), None) for part, names in parts.items()}
    by_part = {part: files_by_part(folder, SUFFIXES, shards=True) for part, folder in folders.items() if folder}
    return {part: next(iter(files.values())) for part, files in by_part.items() if files}
