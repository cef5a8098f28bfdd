"""The export formats by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from softreg.messages import Message


@dataclass(frozen=True)
class ExportFormat:
    """What the command and its help need to know of a format.

    Attributes
    ----------
    location : module:function; the function takes a model and returns the bytes of the file, or the files of a folder by name
    help : what the file holds, for `softreg export --help`
    images : how many training images travel along unless another number is asked for; None if the format takes none
    is_folder : whether it is a folder of files
    """

    location: str
    help: Message
    images: int | None = None
    is_folder: bool = False

    def writer(self) -> "Callable[..., bytes | dict[str, bytes]]":
        """The function that makes a file's bytes, or a folder's files, of a model."""
        module, _, function = self.location.partition(":")
        write: Callable[..., bytes | dict[str, bytes]] = getattr(import_module(module), function)
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
            en="the page of softreg serve as one file that works without a server",
            ko="서버 없이 동작하는 softreg serve 페이지를 파일 하나로",
        ),
        images=0,
    ),
    "web": ExportFormat(
        "softreg.exporting.web:to_files",
        Message(en="the same page as a folder for a web host, to learn on, too", ko="같은 페이지를 웹 호스팅용 폴더로, 학습까지"),
        images=20_000,
        is_folder=True,
    ),
}
