"""A matplotlib backend for places without a display: `plt.show()` saves every open figure and closes it.

`matplotlib.use("module://softreg.lab.saving")` takes it; `figures_in(folder, report)` says where the figures go. A figure's name,
`plt.figure("sample")`, is its file's name.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from softreg.atomic import write_bytes

DPI = 150
_where: ContextVar[tuple[Path, Callable[[Path], None]]] = ContextVar("where")


class FigureManager(FigureManagerBase):
    """Shows by saving."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Save all open figures, whole, and close them; `block` means nothing here."""
        folder, report = _where.get()
        for number in pyplot.get_fignums():
            figure = pyplot.figure(number)
            path = folder / f"{figure.get_label()}.png"
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=DPI)
            pyplot.close(figure)
            write_bytes(path, content.getvalue())
            report(path)


class FigureCanvas(FigureCanvasAgg):
    """Draws in memory."""

    manager_class: Any = FigureManager


@contextmanager
def figures_in(folder: Path, report: Callable[[Path], None]) -> Iterator[None]:
    """Within the block, pyplot's figures are saved in `folder` when shown, and `report` is told each file; then all is as before.

    Figures that are open before or after the block belong to someone else, or were never shown: they are closed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backend, token = matplotlib.get_backend(), _where.set((folder, report))
    pyplot.close("all")
    matplotlib.use(f"module://{__name__}")
    try:
        yield
    finally:
        pyplot.close("all")
        _where.reset(token)
        matplotlib.use(backend)
