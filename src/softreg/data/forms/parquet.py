"""Parquet as the Hugging Face hub has it: a column of pictures (their bytes, or a path) and one of labels, in one file or several.

Needs pyarrow, the extra `parquet`.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from softreg.data.forms.csv_layout import LABEL_NAMES
from softreg.data.forms.pictures import Encoded, commonest_size, decode_all, is_grey, to_tensor
from softreg.data.forms.source import Part, ReadOptions, Source, WholeForm, files_by_part
from softreg.data.image_array import to_labels
from softreg.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

SUFFIXES = (".parquet",)
IMAGE_NAMES = ("image", "img", "picture", "png", "jpg")
BATCH_ROWS = 1000


class Parquet(WholeForm):
    """A Parquet file, or a folder (or its data/) of them, by part: train-00000-of-00002.parquet, test-..., validation-..."""

    def matches(self, path: Path) -> bool:
        """Whether it is a Parquet file, or a folder of them."""
        return path.suffix.lower() in SUFFIXES if path.is_file() else bool(_files(path))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. The size is the commonest of the training part, or `options.size`."""
        files = {"train": [path]} if path.is_file() else _files(path)
        rows = {part: [row for file in found for row in _rows(file, options)] for part, found in files.items()}
        for part, found in rows.items():
            if not found:
                raise DataError("data.no_images", path=files[part][0])
        size = options.size or commonest_size([picture for picture, _ in next(iter(rows.values()))], path)
        decoded = {part: decode_all([picture for picture, _ in found], size, options, path) for part, found in rows.items()}
        grey = all(is_grey(images) for images, _ in decoded.values())
        parts = {
            part: Part(to_tensor(images, grey=grey), _labels([rows[part][index][1] for index in good], path), files[part][0])
            for part, (images, good) in decoded.items()
        }
        return Source(parts.get("train"), parts.get("test"), _class_names(next(iter(files.values()))[0], options))


def _files(path: Path) -> dict[str, list[Path]]:
    if not path.is_dir():
        return {}
    data = path / "data"
    return files_by_part(path, SUFFIXES) or (files_by_part(data, SUFFIXES) if data.is_dir() else {})


def _opened(path: Path) -> "ParquetFile":
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise MissingExtraError("forms.needs_parquet", path=path) from error
    try:
        return ParquetFile(path)
    except (ArrowException, OSError, ValueError) as error:
        raise DataError("data.unreadable", path=path, why=str(error).partition("\n")[0]) from error


def _rows(path: Path, options: ReadOptions) -> Iterator[tuple[Encoded, Any]]:
    """Each row's picture and label (None if there is no such column)."""
    file = _opened(path)
    from pyarrow import ArrowException

    image, label = _columns(file, path, options)
    number = 0
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=[image, *([label] if label else [])]):
            labels = batch.column(label).to_pylist() if label else [None] * len(batch)
            for cell, value in zip(batch.column(image).to_pylist(), labels, strict=True):
                number += 1
                yield Encoded(_source(cell, path, number), f"{path}: row {number}"), value
    except (ArrowException, OSError) as error:
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


def _columns(file: "ParquetFile", path: Path, options: ReadOptions) -> tuple[str, str | None]:
    """The columns of the picture and of the label."""
    names: list[str] = file.schema_arrow.names
    lower = {name.lower(): name for name in names}
    image = next((lower[name] for name in IMAGE_NAMES if name in lower), None)
    if image is None:
        raise DataError("forms.parquet_columns", path=path, columns=", ".join(names[:10]), wanted=", ".join(IMAGE_NAMES))
    if options.label:
        if options.label.lower() not in lower:
            raise DataError("forms.no_column", path=path, column=options.label, columns=", ".join(names[:5]))
        return image, lower[options.label.lower()]
    by_name = (lower[name] for name in LABEL_NAMES if name in lower)
    return image, next(by_name, None) or next((name for name in names if _label_feature(file, name)), None)


def _label_feature(file: "ParquetFile", column: str) -> Sequence[str]:
    """The names of the classes that the hub's metadata gives for a column; () if it gives none."""
    try:
        features = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()


def _class_names(path: Path, options: ReadOptions) -> tuple[str, ...]:
    file = _opened(path)
    _, label = _columns(file, path, options)
    return tuple(_label_feature(file, label)) if label else ()


def _labels(values: list[Any], path: Path) -> Any:
    if values and values[0] is None:
        return None
    if any(value is None for value in values):
        raise DataError("forms.no_labels", path=path)
    return to_labels(np.asarray(values), path)
