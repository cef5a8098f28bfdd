"""`export`: a model written to a file in one of the formats of `softreg.exporting.registry`."""

from pathlib import Path

from softreg.errors import MissingExtraError, RunError
from softreg.exporting.registry import FORMATS
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.atomic import write_bytes


def export(model: SoftmaxRegression, file_format: str, path: Path, *, force: bool = False) -> None:
    """Write `model` to the file `path` in the format `file_format`, a key of `FORMATS`.

    Raises
    ------
    RunError
        If there is no such format, the file exists and not `force`, or the features cannot be expressed in that format.
    MissingExtraError
        If the format needs a package that is not installed.
    WriteError
        If the system refuses to write.
    """
    if file_format not in FORMATS:
        raise RunError("export.unknown_format", file_format=file_format, choices=", ".join(FORMATS))
    if path.exists() and not force:
        raise RunError("export.in_the_way", path=path)
    write_bytes(path, to_bytes(model, file_format))


def to_bytes(model: SoftmaxRegression, file_format: str) -> bytes:
    """The bytes of the file that `export` writes; raises as `export` does."""
    try:
        writer = FORMATS[file_format].writer()
    except ModuleNotFoundError as error:
        raise MissingExtraError("export.missing_extra", package=error.name) from error
    return writer(model)
