"""Sheets of paper with strokes on them, as the page's canvas draws them: antialiased, black on white."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.helpers.strokes import STROKES, Point

FINER = 4


def in_a_row(digits: str, *, top: float, height: float, margin: float) -> list[list[Point]]:
    """The strokes of several digits, as slim as they must be to stand between the margins with paper between them."""
    cell = (1 - 2 * margin) / len(digits)
    strokes: list[list[Point]] = []
    for place, digit in enumerate(digits):
        xs, ys = zip(*(point for stroke in STROKES[digit] for point in stroke), strict=True)
        across = min(0.6 * cell / max(max(xs) - min(xs), 0.12), 1.2 * height / (max(ys) - min(ys)))
        down, left = height / (max(ys) - min(ys)), margin + place * (cell + 0.4 * cell / max(len(digits) - 1, 1))
        strokes += [[(left + across * (x - min(xs)), top + down * (y - min(ys))) for x, y in stroke] for stroke in STROKES[digit]]
    return strokes


def sheet(strokes: Sequence[Sequence[Point]], side: int = 128, width: float = 0.062) -> NDArray[np.uint8]:
    """Strokes of points in the unit square, uint8 (side, side); `width` is a share of the side."""
    large, radius = side * FINER, width * side * FINER / 2
    image = Image.new("L", (large, large), 255)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * large, y * large) for x, y in stroke]
        pen.line(points, fill=0, width=round(2 * radius), joint="curve")
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))
