"""A matplotlib backend that needs no display: `plt.show()` saves every figure and closes it.

`capture_figures(folder, on_save)` selects it. The name of a figure, `plt.figure("sample")`, becomes the name of its file.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from softreg.storage.atomic import write_bytes

DPI = 150
_capture: ContextVar["Capture"] = ContextVar("capture")


@dataclass(frozen=True)
class Capture:
    """Which figures are saved and where.

    Attributes
    ----------
    folder : where to
    on_save : called with the path of each saved figure
    excluded : numbers of the figures that were open before
    """

    folder: Path
    on_save: Callable[[Path], None]
    excluded: frozenset[int]

    def figures(self) -> list[Figure]:
        """The open figures, without the excluded ones."""
        return [pyplot.figure(number) for number in pyplot.get_fignums() if number not in self.excluded]


class FigureManager(FigureManagerBase):
    """Saves figures instead of showing them."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Save the captured figures and close them; `block` has no effect."""
        capture = _capture.get()
        for figure in capture.figures():
            path = capture.folder / f"{figure.get_label()}.png"
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=DPI)
            pyplot.close(figure)
            write_bytes(path, content.getvalue())
            capture.on_save(path)


class FigureCanvas(FigureCanvasAgg):
    """An Agg canvas for this manager."""

    manager_class: Any = FigureManager


@contextmanager
def capture_figures(folder: Path, on_save: Callable[[Path], None]) -> Iterator[None]:
    """Within the block, save figures in `folder` when they are shown, and call `on_save` with each path.

    Figures that were open before are left alone; those opened in the block and never shown are closed. Restores the backend.
    """
    folder.mkdir(parents=True, exist_ok=True)
    capture = Capture(folder, on_save, frozenset(pyplot.get_fignums()))
    backend, token = matplotlib.get_backend(), _capture.set(capture)
    matplotlib.use(f"module://{__name__}")
    try:
        yield
    finally:
        for figure in capture.figures():
            pyplot.close(figure)
        _capture.reset(token)
        matplotlib.use(backend)
