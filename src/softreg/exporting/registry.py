"""The export formats by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from softreg.messages import Message

if TYPE_CHECKING:
    from softreg.model.softmax_regression import SoftmaxRegression


@dataclass(frozen=True)
class ExportFormat:
    """What the command and its help need to know of a format.

    Attributes
    ----------
    location : module:function; the function takes a model and returns the bytes of the file
    help : what the file holds, for `softreg export --help`
    """

    location: str
    help: Message

    def writer(self) -> "Callable[[SoftmaxRegression], bytes]":
        """The function that makes a file's bytes of a model."""
        module, _, function = self.location.partition(":")
        write: Callable[[SoftmaxRegression], bytes] = getattr(import_module(module), function)
        return write


FORMATS = {
    "onnx": ExportFormat(
        "softreg.exporting.onnx:to_bytes",
        Message(en="a graph from pixels to probabilities", ko="픽셀에서 확률까지의 그래프"),
    ),
    "npz": ExportFormat("softreg.exporting.npz:to_bytes", Message(en="NumPy arrays", ko="NumPy 배열")),
    "json": ExportFormat(
        "softreg.exporting.json:to_bytes",
        Message(en="the same arrays as readable text", ko="같은 배열을 사람이 읽을 수 있는 텍스트로"),
    ),
    "html": ExportFormat(
        "softreg.exporting.html:to_bytes",
        Message(
            en="the page of softreg serve as one file that works without a server, for pixels and deskew",
            ko="서버 없이 동작하는 softreg serve 페이지를 파일 하나로, pixels와 deskew만",
        ),
    ),
}
