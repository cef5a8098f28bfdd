"""Digits that touch, cut apart along the path that crosses the least ink."""

import numpy as np
from numpy.typing import NDArray

from softreg.imaging.components import INK, Component, Labels, connected_components, crop
from softreg.imaging.ink import Grey
from softreg.imaging.normalization import signed_depth, stroke_width


def cut_apart(digits: list[Component], density: Grey, labels: Labels) -> tuple[list[Component], Labels]:
    """Cut digits that touch: what is wider than one digit is cut along the paths that cross the least ink."""
    labels = labels.copy()
    parts: list[Component] = []
    for digit in digits:
        if not _may_be_several(digit, digits):
            parts.append(digit)
            continue
        ink, top, left = crop(digit, density, labels)
        part = _part_of_each_pixel(ink, digit)
        if part is None:
            parts.append(digit)
            continue
        window = np.s_[top : top + ink.shape[0], left : left + ink.shape[1]]
        own = np.isin(labels[window], digit.labels)
        first = int(labels.max())
        labels[window][own] = first + part[own]
        parts += [
            Component((first + m.labels[0],), m.top + top, m.left + left, m.bottom + top, m.right + left, m.area)
            for m in connected_components(np.where(own, part, 0).astype(np.int32))
        ]
    return parts, labels


def _may_be_several(mark: Component, digits: list[Component]) -> bool:
    """Whether a mark is wide enough for two digits, and not a dash."""
    if mark.area > 0.6 * mark.width * mark.height or mark.height < 0.5 * max(digit.height for digit in digits):
        return False
    return mark.width > (1.3 if len(digits) == 1 else 1.05) * mark.height


def _part_of_each_pixel(ink: Grey, mark: Component) -> Labels | None:
    """Number the parts 1, 2, ... from left to right, `int32 (h, w)`; None if the mark is one digit.

    99.9 % of MNIST's digits are narrower than 1.67 times their height. What is a little narrower is cut only if the cut
    crosses no more than one stroke and leaves two parts nearly as high as the whole, as a single digit hardly ever does; what is
    wider, if no part is lower than half of it, as the tail of a long 2 would be.
    """
    count = max(2, round(mark.width / (0.8 * mark.height)))
    if mark.width <= 1.67 * mark.height:
        count = 2
    seams = [_seam(ink, number * ink.shape[1] / count) for number in range(1, count)]
    part = np.ones(ink.shape, dtype=np.int32)
    for seam in seams:
        part += np.arange(ink.shape[1]) >= seam[:, None]
    heights = [np.count_nonzero(((part == number) & (ink > INK)).any(axis=1)) for number in range(1, count + 1)]
    if mark.width > 1.67 * mark.height:
        return part if min(heights) > 0.5 * mark.height else None
    crossed = float(ink[np.arange(len(ink)), np.clip(seams[0], 0, ink.shape[1] - 1)].sum())
    return part if crossed < 1.3 * stroke_width(signed_depth(ink)) and min(heights) > 0.75 * mark.height else None


def _seam(ink: Grey, middle: float) -> NDArray[np.intp]:
    """The column, for each row, of the top-to-bottom path that crosses the least ink near column `middle`."""
    height, width = ink.shape
    astray = np.abs(np.arange(width) - middle) / (0.35 * height)
    cost = ink + 0.02 + 0.03 * astray + np.where(astray > 1, np.float32(10), np.float32(0))
    for row in range(1, height):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(np.minimum(before[:-2], before[2:]) + 0.01, before[1:-1])
    path = np.empty(height, dtype=np.intp)
    path[-1] = int(cost[-1].argmin())
    for row in range(height - 2, -1, -1):
        low = max(path[row + 1] - 1, 0)
        path[row] = low + int(cost[row, low : path[row + 1] + 2].argmin())
    return path
