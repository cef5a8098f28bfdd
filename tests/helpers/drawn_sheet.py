"""Sheets of paper with strokes on them, as the page's canvas draws them: antialiased, black on white."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.helpers.strokes import Point

FINER = 4


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
