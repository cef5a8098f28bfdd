"""Digits that touch: where one could end and the next begin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softreg.imaging.components import Component, Labels, connected_components, crop
from softreg.imaging.ink import Grey
from softreg.imaging.normalization import signed_depth, stroke_width

MAX_CROSSED = 2.6  # stroke widths: a cut through more ink than this does not part two digits


@dataclass(frozen=True)
class Piece:
    """A part of a line that is never cut further; `crossed` is the ink, in stroke widths, that the cut on its left goes through."""

    component: Component
    crossed: float


def cut(digit: Component, density: Grey, labels: Labels, height: float) -> list[Piece]:
    """Pieces of `digit`, from left to right, on a line of text `height` pixels high.

    The cuts are the paths from top to bottom that cross the least ink. The pixels of the pieces are relabelled, in place.
    """
    if digit.width < 0.5 * height or digit.height < 0.4 * height:
        return [Piece(digit, 0.0)]
    ink, top, left = crop(digit, density, labels)
    seams = _seams(ink, height)
    if not seams:
        return [Piece(digit, 0.0)]
    part = np.ones(ink.shape, dtype=np.int32)
    for seam, _ in seams:
        part += np.arange(ink.shape[1]) >= seam[:, None]
    window = labels[top : top + ink.shape[0], left : left + ink.shape[1]]
    own = np.isin(window, digit.labels)
    first = int(labels.max())
    window[own] = first + part[own]
    crossed = [0.0, *(amount for _, amount in seams)]
    found = {c.labels[0]: c for c in connected_components(np.where(own, part, 0).astype(np.int32))}
    return [
        Piece(Component((first + number,), c.top + top, c.left + left, c.bottom + top, c.right + left, c.area), crossed[number - 1])
        for number, c in sorted(found.items())
    ]


def _seams(ink: Grey, height: float) -> list[tuple[NDArray[np.intp], float]]:
    """Paths at which to cut, from left to right, and how much ink each crosses, in stroke widths."""
    thickness = max(stroke_width(signed_depth(ink)), 1.0)
    count = max(2, round(ink.shape[1] / (0.35 * height)))
    seams: list[tuple[NDArray[np.intp], float]] = []
    for number in range(1, count):
        seam = _seam(ink, number * ink.shape[1] / count, 0.2 * height)
        crossed = float(ink[np.arange(len(ink)), np.clip(seam, 0, ink.shape[1] - 1)].sum()) / thickness
        margins = seam.mean() < 0.15 * height or seam.mean() > ink.shape[1] - 0.15 * height
        if crossed <= MAX_CROSSED and not margins and not (seams and (seam - seams[-1][0]).mean() < 0.15 * height):
            seams.append((np.maximum(seam, seams[-1][0]) if seams else seam, crossed))
    return seams


def _seam(ink: Grey, middle: float, reach: float) -> NDArray[np.intp]:
    """The column, for each row, of the top-to-bottom path that crosses the least ink within `reach` of column `middle`."""
    height, width = ink.shape
    astray = np.abs(np.arange(width) - middle) / reach
    cost = ink + 0.02 + 0.03 * astray + np.where(astray > 1.5, np.float32(10), np.float32(0))
    for row in range(1, height):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(np.minimum(before[:-2], before[2:]) + 0.01, before[1:-1])
    path = np.empty(height, dtype=np.intp)
    path[-1] = int(cost[-1].argmin())
    for row in range(height - 2, -1, -1):
        low = max(path[row + 1] - 1, 0)
        path[row] = low + int(cost[row, low : path[row + 1] + 2].argmin())
    return path
