"""The ten digits as drawn by hand, and drawings that are no digits: strokes of points in the unit square."""

import math
from itertools import pairwise

Point = tuple[float, float]


def arc(x: float, y: float, rx: float, ry: float, begin: float, end: float, steps: int = 12) -> list[Point]:
    """Points along an ellipse; angles in degrees, 0 to the right, clockwise (y points down)."""
    angles = [math.radians(begin + (end - begin) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def along(*corners: Point, steps: int = 6) -> list[Point]:
    """Points along the straight lines from corner to corner."""
    sides = pairwise(corners)
    return [(x + (u - x) * i / steps, y + (v - y) * i / steps) for (x, y), (u, v) in sides for i in range(steps + 1)]


STROKES: dict[str, list[list[Point]]] = {
    "0": [arc(0.5, 0.5, 0.19, 0.29, -90, 270, 20)],
    "1": [[(0.52, 0.2), (0.5, 0.5), (0.48, 0.8)]],
    "2": [[*arc(0.49, 0.36, 0.17, 0.16, -170, 30), (0.5, 0.62), (0.32, 0.78), (0.5, 0.77), (0.7, 0.78)]],
    "3": [[*arc(0.47, 0.35, 0.17, 0.15, -150, 90), *arc(0.47, 0.65, 0.19, 0.15, -90, 150)]],
    "4": [[(0.36, 0.2), (0.34, 0.36), (0.32, 0.53), (0.5, 0.52), (0.68, 0.5)], [(0.64, 0.24), (0.62, 0.5), (0.6, 0.82)]],
    "5": [
        [(0.38, 0.22), (0.37, 0.34), (0.36, 0.46), *arc(0.46, 0.62, 0.19, 0.17, -110, 150)],
        [(0.38, 0.22), (0.52, 0.21), (0.67, 0.2)],
    ],
    "6": [[(0.6, 0.18), (0.46, 0.32), (0.37, 0.5), *arc(0.5, 0.63, 0.15, 0.16, -200, 170, 18)]],
    "7": [[(0.3, 0.25), (0.5, 0.24), (0.7, 0.25), (0.62, 0.45), (0.54, 0.64), (0.47, 0.82)]],
    "8": [[*arc(0.5, 0.35, 0.14, 0.14, 90, -270, 14), *arc(0.5, 0.65, 0.17, 0.16, -90, 270, 14)]],
    "9": [[*arc(0.5, 0.36, 0.15, 0.15, 0, -360, 14), (0.65, 0.5), (0.62, 0.66), (0.58, 0.82)]],
}

STAR = [(0.5 + 0.32 * math.sin(0.8 * math.pi * i), 0.52 - 0.32 * math.cos(0.8 * math.pi * i)) for i in range(6)]
NO_DIGITS: dict[str, list[list[Point]]] = {
    "star": [along(*STAR)],
    "fence": [
        along((0.35, 0.2), (0.35, 0.8)),
        along((0.62, 0.2), (0.62, 0.8)),
        along((0.2, 0.38), (0.8, 0.38)),
        along((0.2, 0.62), (0.8, 0.62)),
    ],
}

HOOKED_ONE = [along((0.31, 0.4), (0.57, 0.2), (0.48, 0.8))]  # a 1 that the tutorial's model takes for a 7
