"""Ink maps drawn by hand: boxes, frames and rings."""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Box = tuple[int, int, int, int]  # top, left, bottom, right


def page(height: int, width: int, *boxes: Box) -> Map:
    """An ink map with filled boxes."""
    ink = np.zeros((height, width), dtype=np.float32)
    for top, left, bottom, right in boxes:
        ink[top:bottom, left:right] = 1
    return ink


def outline(ink: Map, box: Box, width: int) -> Map:
    """The map with a frame drawn on it."""
    top, left, bottom, right = box
    framed = ink.copy()
    framed[top:bottom, left:right] = 1
    inner = np.s_[top + width : bottom - width, left + width : right - width]
    framed[inner] = ink[inner]
    return framed


def circle(shape: tuple[int, int], middle: tuple[float, float], radius: float, width: float) -> Map:
    """An ink map with a ring, `width` pixels wide, its edges soft."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    away = np.abs(np.hypot(yy - middle[0], xx - middle[1]) - radius)
    return np.asarray(np.clip(width / 2 + 0.5 - away, 0, 1), dtype=np.float32)
