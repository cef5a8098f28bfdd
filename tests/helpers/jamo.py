"""Five Hangul jamo as several people would draw them: strokes of points in the unit square."""

import math
from functools import partial

import numpy as np

from tests.helpers.strokes import Point, arc
from tests.helpers.strokes import along as along_lines

along = partial(along_lines, steps=2)  # lines are straight: few points say all

JAMO: dict[str, list[list[Point]]] = {
    "ㄱ": [along((0.3, 0.3), (0.7, 0.3), (0.66, 0.72))],
    "ㄴ": [along((0.33, 0.28), (0.34, 0.7), (0.72, 0.68))],
    "ㅁ": [along((0.32, 0.32), (0.33, 0.7)), along((0.32, 0.32), (0.7, 0.31), (0.69, 0.7)), along((0.33, 0.7), (0.69, 0.7))],
    "ㅅ": [along((0.5, 0.26), (0.45, 0.48), (0.28, 0.74)), along((0.47, 0.46), (0.72, 0.74))],
    "ㅇ": [arc(0.5, 0.5, 0.2, 0.21, -90, 270, 16)],
}


def by_hand(name: str, rng: np.random.Generator) -> list[list[Point]]:
    """The jamo turned, resized, stretched and moved a little."""
    angle, scale, stretch = rng.normal(0, 0.1), rng.uniform(0.7, 1.15), rng.uniform(0.85, 1.15)
    right, down = rng.normal(0, 0.03, 2)
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    return [
        [(0.5 + right + stretch * (c * (x - 0.5) - s * (y - 0.5)), 0.5 + down + s * (x - 0.5) + c * (y - 0.5)) for x, y in stroke]
        for stroke in JAMO[name]
    ]
