"""`export`: a model written to a file in one of the formats of `softreg.exporting.registry`."""

import os
from collections.abc import Iterable
from pathlib import Path

from softreg.compute.defaults import default_torch
from softreg.errors import MissingExtraError, RunError, WriteError
from softreg.exporting.registry import FORMATS
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.atomic import atomic_directory, write_bytes
from softreg.storage.destination import check_destination

IMAGE_FILES = ("train.bin", "test.bin")  # in an exported folder, with images or without


def export(model: SoftmaxRegression, file_format: str, path: Path, *, force: bool = False, images: int | None = None) -> None:
    """Write `model` to `path` in the format `file_format`, a key of `FORMATS`: a file, or for `web` a folder.

    Parameters
    ----------
    images : how many images of MNIST travel with a page, to learn from; None for as many as the format's entry says

    Raises
    ------
    RunError
        If there is no such format, it takes no images, or the features cannot be expressed in that format.
    MissingExtraError
        If the format needs a package that is not installed.
    WriteError
        If the file exists and not `force`, or the system refuses to write.
    """
    if file_format not in FORMATS:
        raise RunError("export.unknown_format", file_format=file_format, choices=", ".join(FORMATS))
    if not FORMATS[file_format].is_folder:
        check_destination(path, force=force)
        write_bytes(path, to_bytes(model, file_format, images), replace=force)
        return
    files = to_files(model, file_format, images)
    _check_folder(path, files, force=force)
    with atomic_directory(path) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)


def _check_folder(path: Path, files: Iterable[str], *, force: bool) -> None:
    """Raise unless the folder is new or, with `force`, an earlier export: one in which there is nothing but such files."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir() or not {file.name for file in path.iterdir()} <= {*files, *IMAGE_FILES}:
        raise WriteError("export.other_folder", path=path)
    if not force:
        raise WriteError("output.exists", path=path)


@default_torch()
def to_bytes(model: SoftmaxRegression, file_format: str, images: int | None = None) -> bytes:
    """The bytes of the file that `export` writes; raises as `export` does."""
    content = _content(model, file_format, images)
    assert isinstance(content, bytes)
    return content


@default_torch()
def to_files(model: SoftmaxRegression, file_format: str, images: int | None = None) -> dict[str, bytes]:
    """The files, by name, of the folder that `export` writes; raises as `export` does."""
    files = _content(model, file_format, images)
    assert isinstance(files, dict)
    return files


def _content(model: SoftmaxRegression, file_format: str, images: int | None) -> bytes | dict[str, bytes]:
    if images is not None and FORMATS[file_format].images is None:
        takers = [name for name, known in FORMATS.items() if known.images is not None]
        raise RunError("export.takes_no_images", file_format=file_format, choices=", ".join(takers))
    try:
        writer = FORMATS[file_format].writer()
    except ModuleNotFoundError as error:
        raise MissingExtraError("export.missing_extra", package=error.name) from error
    return writer(model) if images is None else writer(model, images)
