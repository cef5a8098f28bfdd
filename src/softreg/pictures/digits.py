"""From an ink map to the digits in it: connected marks, marks of one digit joined, touching digits cut apart, in reading order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.pictures.image import signed_depth, stroke_width
from softreg.pictures.ink import Grey

INK = 0.45  # density from which a pixel belongs to a mark
MOST_MARKS = 400
MOST_DIGITS = 64

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Mark:
    """One or more connected pieces of ink: their labels, bounding box (bottom and right exclusive) and area in pixels."""

    labels: tuple[int, ...]
    top: int
    left: int
    bottom: int
    right: int
    area: float

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def length(self) -> int:
        """The longer of height and width."""
        return max(self.height, self.width)

    def with_(self, other: "Mark") -> "Mark":
        """Both as one."""
        return Mark(
            self.labels + other.labels,
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
            self.area + other.area,
        )


def marks_of(labels: Labels) -> list[Mark]:
    """The marks labelled 1, 2, ...; label 0 is paper."""
    areas = np.bincount(labels.ravel())
    boxes = ndimage.find_objects(labels)
    return [
        Mark((number,), box[0].start, box[1].start, box[0].stop, box[1].stop, float(areas[number]))
        for number, box in enumerate(boxes, start=1)
        if box is not None
    ]


@dataclass(frozen=True, eq=False)
class Found:
    """Digits in reading order, the labels `int32 (H, W)` their pixels bear; if there are none, the reason's key, else None."""

    marks: tuple[Mark, ...]
    labels: Labels
    reason: str | None


def find_digits(density: Grey) -> Found:
    """The digits of an ink map `float32 (H, W)`."""
    labels = label(density)
    every = sorted(marks_of(labels), key=lambda mark: -mark.length)
    if not every:
        return Found((), labels, "blank")
    marks = _without_dashes(_without_surroundings(every[:MOST_MARKS], density.shape))
    if len(every) > 40 and marks[0].length < 4 * np.median([mark.length for mark in every]):
        return Found((), labels, "noise")
    if marks[0].length < max(4, 0.02 * max(density.shape)):
        return Found((), labels, "noise")
    digits = _without_specks(joined(marks), density.shape)
    if len(digits) > MOST_DIGITS:
        return Found((), labels, "crowded")
    digits, labels = cut_apart(in_reading_order(digits), density, labels)
    return Found(tuple(digits), labels, None)


def label(density: Grey) -> Labels:
    """Number the connected pieces of ink; pixels touching at a corner are connected."""
    labels: Labels = ndimage.label(density > INK, np.ones((3, 3)))[0]
    return labels


def _without_surroundings(marks: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """Drop what surrounds the digits: a frame with marks inside it, and dark corners or edges of a table at the picture's edge."""
    kept = [mark for mark in marks if not _is_frame(mark, marks)]
    inner = [mark for mark in kept if not _lies_along_edge(mark, shape)]
    longest = max((mark.length for mark in kept), default=0)
    largest = max((mark.area for mark in kept), default=0)
    if any(mark.length > 0.15 * longest and mark.length >= 8 and mark.area > 0.03 * largest for mark in inner):
        return inner
    return kept


def _is_frame(mark: Mark, marks: Sequence[Mark]) -> bool:
    """Whether it is a thin outline around other marks of some size."""
    if mark.area > 0.2 * mark.height * mark.width or min(mark.height, mark.width) < 12:
        return False
    return any(
        other.length > 0.25 * min(mark.height, mark.width) and other.area > 0.05 * mark.area and _surrounds(mark, other)
        for other in marks
    )


def _surrounds(outer: Mark, inner: Mark) -> bool:
    return outer.top < inner.top and outer.left < inner.left and outer.bottom > inner.bottom and outer.right > inner.right


def _lies_along_edge(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Whether it touches the edge of the picture with most of its length, or touches two opposite or three edges."""
    height, width = shape
    sides = (mark.top == 0, mark.left == 0, mark.bottom == height, mark.right == width)
    return sum(sides) >= 2 or (any(sides) and mark.length > 0.5 * max(shape))


def _without_dashes(marks: list[Mark]) -> list[Mark]:
    """Drop long flat marks, remains of lines, if there are others that could be digits."""
    longest = max(mark.length for mark in marks)
    upright = [mark for mark in marks if mark.height > 0.2 * mark.width or mark.length < 0.5 * longest]
    return upright if any(mark.height > 0.1 * longest and mark.height >= 8 for mark in upright) else marks


def joined(marks: list[Mark]) -> list[Mark]:
    """Join the marks that belong to one digit, the largest first taking in what is near it."""
    digits: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: -mark.length):
        near = [digit for digit in digits if _belong_together(digit, mark)]
        if near:
            host = min(near, key=lambda digit: _gap(digit, mark))
            digits[digits.index(host)] = host.with_(mark)
        else:
            digits.append(mark)
    return digits


def _gap(one: Mark, other: Mark) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, 0) + max(down, 0)


def _belong_together(large: Mark, small: Mark) -> bool:
    """Whether `small` is a part of the same digit as `large`: the bar of a 5, the second half of a broken 8.

    Parts of one digit lie one above the other, near; digits lie side by side, as high as each other.
    """
    gap = _gap(large, small) / large.length
    if small.length < 0.3 * large.length:
        return gap < 0.12 and small.length > 0.04 * large.length
    height = max(large.bottom, small.bottom) - min(large.top, small.top)
    if height > 1.5 * large.length and gap > 0.06:
        return False
    across = min(large.right, small.right) - max(large.left, small.left)
    down = min(large.bottom, small.bottom) - max(large.top, small.top)
    if across > 0.4 * min(large.width, small.width):
        return gap < 0.25
    return gap < 0.12 and (down < 0.35 * small.height or small.height < 0.4 * large.height)


def _without_specks(digits: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """Drop marks much smaller than the digits, and those cut off by the picture's edge if they are not as large as the others."""
    longest = max(digit.length for digit in digits)
    largest = max(digit.area for digit in digits)
    return [
        digit
        for digit in digits
        if digit.area == largest
        or (
            digit.height >= 0.35 * longest
            and digit.area >= 0.05 * largest
            and (digit.height >= 0.6 * longest or not _touches_edge(digit, shape))
        )
    ]


def _touches_edge(mark: Mark, shape: tuple[int, ...]) -> bool:
    return mark.top == 0 or mark.left == 0 or mark.bottom == shape[0] or mark.right == shape[1]


def in_reading_order(digits: list[Mark]) -> list[Mark]:
    """Row by row, left to right. Digits share a row if they overlap by half in height."""
    rows: list[list[Mark]] = []
    for digit in sorted(digits, key=lambda digit: digit.top + digit.bottom):
        row = rows[-1] if rows else []
        if any(_share_row(digit, other) for other in row):
            row.append(digit)
        else:
            rows.append([digit])
    return [digit for row in rows for digit in sorted(row, key=lambda digit: digit.left + digit.right)]


def _share_row(one: Mark, other: Mark) -> bool:
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > 0.5 * min(one.height, other.height)


def ink_of(mark: Mark, density: Grey, labels: Labels) -> tuple[Grey, int, int]:
    """The ink of one mark, its soft edges included, others' left out; and the row and column where it begins."""
    top, left = max(mark.top - 2, 0), max(mark.left - 2, 0)
    window = np.s_[top : mark.bottom + 2, left : mark.right + 2]
    own = np.isin(labels[window], mark.labels)
    near = ndimage.binary_dilation(own, np.ones((3, 3)), iterations=2) & (own | (labels[window] == 0))
    return np.where(near, density[window], np.float32(0)), top, left


def cut_apart(digits: list[Mark], density: Grey, labels: Labels) -> tuple[list[Mark], Labels]:
    """Cut digits that touch: what is wider than one digit is cut along the paths that cross the least ink."""
    labels = labels.copy()
    parts: list[Mark] = []
    for digit in digits:
        if not _may_be_several(digit, digits):
            parts.append(digit)
            continue
        ink, top, left = ink_of(digit, density, labels)
        part = _part_of_each_pixel(ink, digit)
        if part is None:
            parts.append(digit)
            continue
        window = np.s_[top : top + ink.shape[0], left : left + ink.shape[1]]
        own = np.isin(labels[window], digit.labels)
        first = int(labels.max())
        labels[window][own] = first + part[own]
        parts += [
            Mark((first + m.labels[0],), m.top + top, m.left + left, m.bottom + top, m.right + left, m.area)
            for m in marks_of(np.where(own, part, 0).astype(np.int32))
        ]
    return parts, labels


def _may_be_several(mark: Mark, digits: list[Mark]) -> bool:
    """Whether a mark is wide enough for two digits, and not a dash."""
    if mark.area > 0.6 * mark.width * mark.height or mark.height < 0.5 * max(digit.height for digit in digits):
        return False
    return mark.width > (1.3 if len(digits) == 1 else 1.05) * mark.height


def _part_of_each_pixel(ink: Grey, mark: Mark) -> Labels | None:
    """Number the parts 1, 2, ... from left to right, `int32 (h, w)`; None if the mark is one digit.

    99.9 % of MNIST's digits are narrower than 1.67 times their height. What is a little narrower is cut only if the cut
    crosses no more than one stroke and leaves two parts nearly as high as the whole, as a single digit hardly ever does.
    """
    count = max(2, round(mark.width / (0.8 * mark.height)))
    if mark.width <= 1.67 * mark.height:
        count = 2
    seams = [_seam(ink, number * ink.shape[1] / count) for number in range(1, count)]
    part = np.ones(ink.shape, dtype=np.int32)
    for seam in seams:
        part += np.arange(ink.shape[1]) >= seam[:, None]
    if mark.width > 1.67 * mark.height:
        return part
    crossed = float(ink[np.arange(len(ink)), np.clip(seams[0], 0, ink.shape[1] - 1)].sum())
    heights = [np.count_nonzero(((part == number) & (ink > INK)).any(axis=1)) for number in (1, 2)]
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
