"""`export`: a model written to a file in one of the formats of `softreg.exporting.registry`."""

from pathlib import Path

from softreg.errors import MissingExtraError, RunError
from softreg.exporting.registry import FORMATS
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.atomic import write_bytes
from softreg.storage.destination import check_destination


def export(model: SoftmaxRegression, file_format: str, path: Path, *, force: bool = False) -> None:
    """Write `model` to the file `path` in the format `file_format`, a key of `FORMATS`.

    Raises
    ------
    RunError
        If there is no such format, or the features cannot be expressed in that format.
    MissingExtraError
        If the format needs a package that is not installed.
    WriteError
        If the file exists and not `force`, or the system refuses to write.
    """
    if file_format not in FORMATS:
        raise RunError("export.unknown_format", file_format=file_format, choices=", ".join(FORMATS))
    check_destination(path, force=force)
    write_bytes(path, to_bytes(model, file_format), replace=force)


def to_bytes(model: SoftmaxRegression, file_format: str) -> bytes:
    """The bytes of the file that `export` writes; raises as `export` does."""
    try:
        writer = FORMATS[file_format].writer()
    except ModuleNotFoundError as error:
        raise MissingExtraError("export.missing_extra", package=error.name) from error
    return writer(model)
