"""A matplotlib backend for places without a display: `plt.show()` saves every figure and closes it.

`matplotlib.use("module://softreg.lab.savefig_backend")` selects it;
`capture_figures(folder, report)` says where the figures go. A figure's name, `plt.figure("sample")`, is its file's name.
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
_place: ContextVar["Place"] = ContextVar("place")


@dataclass(frozen=True)
class Place:
    """Where figures go: into `folder`, but for those of the numbers `others`; `report` is told each file."""

    folder: Path
    report: Callable[[Path], None]
    others: frozenset[int]

    def figures(self) -> list[Figure]:
        """The figures opened since."""
        return [pyplot.figure(number) for number in pyplot.get_fignums() if number not in self.others]


class FigureManager(FigureManagerBase):
    """Shows by saving."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Save the figures, whole, and close them; `block` means nothing here."""
        place = _place.get()
        for figure in place.figures():
            path = place.folder / f"{figure.get_label()}.png"
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=DPI)
            pyplot.close(figure)
            write_bytes(path, content.getvalue())
            place.report(path)


class FigureCanvas(FigureCanvasAgg):
    """Draws in memory."""

    manager_class: Any = FigureManager


@contextmanager
def capture_figures(folder: Path, report: Callable[[Path], None]) -> Iterator[None]:
    """Within the block, pyplot's figures are saved in `folder` when shown, and `report` is told each file; then all is as before.

    Figures that were open before are left alone; those opened in the block and never shown are closed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder, report, frozenset(pyplot.get_fignums()))
    backend, token = matplotlib.get_backend(), _place.set(place)
    matplotlib.use(f"module://{__name__}")
    try:
        yield
    finally:
        for figure in place.figures():
            pyplot.close(figure)
        _place.reset(token)
        matplotlib.use(backend)
