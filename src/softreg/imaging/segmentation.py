"""From an ink map to the digits in it: connected marks, marks of one digit joined, touching digits cut apart, in reading order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from softreg.imaging.components import Component, Labels, connected_components, label
from softreg.imaging.ink import Grey
from softreg.imaging.split_touching import cut_apart

MOST_MARKS = 400
MOST_DIGITS = 64


@dataclass(frozen=True, eq=False)
class Found:
    """Digits in reading order, the labels `int32 (H, W)` their pixels bear; if there are none, the reason's key, else None."""

    marks: tuple[Component, ...]
    labels: Labels
    reason: str | None


def find_digits(density: Grey) -> Found:
    """The digits of an ink map `float32 (H, W)`."""
    labels = label(density)
    every = sorted(connected_components(labels), key=lambda mark: -mark.length)
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


def _without_surroundings(marks: list[Component], shape: tuple[int, ...]) -> list[Component]:
    """Drop what surrounds the digits: a frame with marks inside it, and dark corners or edges of a table at the picture's edge."""
    kept = [mark for mark in marks if not _is_frame(mark, marks)]
    inner = [mark for mark in kept if not _lies_along_edge(mark, shape)]
    if any(sum(_edges(mark, shape)) >= 3 for mark in kept) and any(mark.length >= 12 and mark.area >= 30 for mark in inner):
        return inner
    longest = max((mark.length for mark in kept), default=0)
    largest = max((mark.area for mark in kept), default=0)
    if any(mark.length > 0.15 * longest and mark.length >= 8 and mark.area > 0.03 * largest for mark in inner):
        return inner
    return kept


def _is_frame(mark: Component, marks: Sequence[Component]) -> bool:
    """Whether it is a thin outline around other marks of some size."""
    if mark.area > 0.2 * mark.height * mark.width or min(mark.height, mark.width) < 12:
        return False
    return any(
        other.length > 0.25 * min(mark.height, mark.width) and other.area > 0.05 * mark.area and _surrounds(mark, other)
        for other in marks
    )


def _surrounds(outer: Component, inner: Component) -> bool:
    return outer.top < inner.top and outer.left < inner.left and outer.bottom > inner.bottom and outer.right > inner.right


def _lies_along_edge(mark: Component, shape: tuple[int, ...]) -> bool:
    """Whether it touches two edges of the picture, or one and is half as long as the picture or flat."""
    edges = sum(_edges(mark, shape))
    return edges >= 2 or (edges == 1 and (mark.length > 0.5 * max(shape) or mark.height < 0.4 * mark.width))


def _edges(mark: Component, shape: tuple[int, ...]) -> tuple[bool, ...]:
    """Which edges of the picture it touches: top, left, bottom, right."""
    return mark.top == 0, mark.left == 0, mark.bottom == shape[0], mark.right == shape[1]


def _without_dashes(marks: list[Component]) -> list[Component]:
    """Drop long flat marks, remains of lines, if there are others that could be digits."""
    longest = max(mark.length for mark in marks)
    upright = [mark for mark in marks if mark.height > 0.2 * mark.width or mark.length < 0.5 * longest]
    return upright if any(mark.height > 0.1 * longest and mark.height >= 8 for mark in upright) else marks


def joined(marks: list[Component]) -> list[Component]:
    """Join the marks that belong to one digit, the largest first taking in what is near it."""
    digits: list[Component] = []
    for mark in sorted(marks, key=lambda mark: -mark.length):
        near = [digit for digit in digits if _belong_together(digit, mark)]
        if near:
            host = min(near, key=lambda digit: _gap(digit, mark))
            digits[digits.index(host)] = host.with_(mark)
        else:
            digits.append(mark)
    return digits


def _gap(one: Component, other: Component) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, 0) + max(down, 0)


def _belong_together(large: Component, small: Component) -> bool:
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


def _without_specks(digits: list[Component], shape: tuple[int, ...]) -> list[Component]:
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
            and (digit.height >= 0.6 * longest or not any(_edges(digit, shape)))
        )
    ]


def in_reading_order(digits: list[Component]) -> list[Component]:
    """Row by row, left to right. Digits share a row if they overlap by half in height."""
    rows: list[list[Component]] = []
    for digit in sorted(digits, key=lambda digit: digit.top + digit.bottom):
        row = rows[-1] if rows else []
        if any(_share_row(digit, other) for other in row):
            row.append(digit)
        else:
            rows.append([digit])
    return [digit for row in rows for digit in sorted(row, key=lambda digit: digit.left + digit.right)]


def _share_row(one: Component, other: Component) -> bool:
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > 0.5 * min(one.height, other.height)
