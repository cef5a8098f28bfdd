"""The style of all figures: colours that are distinct in every common colour blindness, and a font that has Hangul."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure

from softreg.messages import language, use_language
from softreg.storage.atomic import write_bytes

INK, MUTED, FAINT = "#1b1f24", "#5f6b7a", "#d8dee6"
BLUE, ORANGE, PALE_BLUE = "#2b6cb0", "#c2571a", "#d3e2f2"  # distinct in every common colour blindness
DIVERGING = "PuOr_r"  # violet against, orange for (Brewer and Harrower, colorbrewer2.org); white is zero
DPI = 100

# Fonts with Hangul that operating systems include or that are commonly installed; the first one found is used.
HANGUL_FILES = (
    ("Pretendard-Regular", "Pretendard-Bold"),
    ("NotoSansKR-Regular", "NotoSansKR-Bold"),
    ("NotoSansCJK-Regular", "NotoSansCJK-Bold"),
    ("NanumGothic", "NanumGothicBold"),
    ("NanumBarunGothic", "NanumBarunGothicBold"),
    ("malgun", "malgunbd"),
)

STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $x$
    "axes.titlesize": 11,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.unicode_minus": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@contextmanager
def house_style() -> Iterator[None]:
    """The style, in the current language; in English if no installed font has the letters of that language.

    Names of classes may be in Hangul in English figures, too.
    """
    current, hangul = language(), hangul_font()
    if hangul is None:
        use_language("en")
    families = ["DejaVu Sans"]
    if hangul is not None:
        families = [hangul] if current == "ko" else [*families, hangul]
    try:
        with mpl.rc_context(STYLE | {"font.family": families}):  # type: ignore[arg-type]
            yield
    finally:
        use_language(current)


@cache
def hangul_font() -> str | None:
    """The name of an installed font that has Hangul, now known to Matplotlib; None if there is none.

    Its bold is registered with the weight of bold, whatever the file says (Nanum's says 600, and Matplotlib would warn each time).
    """
    installed = {Path(path).stem: path for path in font_manager.findSystemFonts()}
    for names in HANGUL_FILES:
        paths = [installed[name] for name in names if name in installed]
        if len(paths) == len(names) and all(font_manager.get_font(path).get_char_index(ord("한")) for path in paths):
            fonts = [font_manager.ttfFontProperty(font_manager.get_font(path)) for path in paths]
            font_manager.fontManager.ttflist += [
                replace(font, weight=weight) for font, weight in zip(fonts, (400, 700), strict=True)
            ]
            return fonts[0].name
    return None


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure of `width` by `height` inches with its title at the upper left, smaller if it is long."""
    figure = Figure(figsize=(width, height))
    size = 13 * min(1, 10 * (width - 0.3) / max(1, len(title)))  # points; of 13, about ten letters make an inch
    figure.text(0.3 / width, 1 - 0.22 / height, title, ha="left", va="top", fontsize=size, fontweight="bold")
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with house_style():  # tick labels are created only now
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: Path, *, replace: bool = True) -> None:
    """Write the figure to `path` as PNG, atomically; `replace` as in `write_bytes`."""
    write_bytes(path, to_png(figure), replace=replace)
