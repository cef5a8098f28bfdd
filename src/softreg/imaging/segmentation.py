"""From an ink map to lines of text: connected components, those of one digit joined, in reading order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from softreg.imaging.components import Component, Labels, connected_components, label
from softreg.imaging.ink import Grey
from softreg.imaging.joining import joined, with_fragments
from softreg.imaging.lines import Mask

MAX_COMPONENTS = 400
MAX_DIGITS = 64
IN_LINE = 0.75  # of the height of two marks that stand beside each other in one line
# A 1 at the edge has a stroke as wide as those beside it, or half cut off, and nearly as dark: from ... to, and at least.
STROKE, DARKNESS = np.array((0.35, 1.5)), 0.75
SPECK = 1 / 3  # of the height of the tallest digit of the picture: smaller ink is no digit of its own


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What of an ink map may be digits.

    Attributes
    ----------
    lines
        Lines of text from top to bottom, the digits of each from left to right.
    labels
        `int32 (H, W)`: the labels of the components.
    dropped
        Ink taken for something else: frames, edges of the paper, dashes; specks are not among it.
    reason
        If there are no lines, the key of the reason; else None.
    """

    lines: tuple[tuple[Component, ...], ...]
    labels: Labels
    dropped: tuple[Component, ...]
    reason: str | None


def segment(
    density: Grey, lines: Mask | None = None, *, keep_surroundings: bool = False, join_fragments: bool = False
) -> Segmentation:
    """The lines of digits in an ink map `float32 (H, W)`, from which ruled `lines` were taken out.

    `keep_surroundings` takes ink at the picture's edges for digits, too; `join_fragments` joins low ink more readily.
    """
    labels = label(density)
    components = sorted(connected_components(labels), key=lambda component: -component.length)
    if not components:
        return Segmentation((), labels, (), "blank")
    if _is_noise(components, density.shape):
        return Segmentation((), labels, (), "noise")
    components = components[:MAX_COMPONENTS]
    components = [component for component in components if not _is_frame(component, components, labels)]
    components = components if lines is None else _without_remains(_without_walls(components, lines), labels, lines)
    candidates = components if keep_surroundings else without_surroundings(components, density, labels)
    digits = _without_specks(joined(without_dashes(candidates)), density.shape)
    if join_fragments:
        digits = with_fragments(digits, candidates)
    if len(digits) > MAX_DIGITS:
        return Segmentation((), labels, (), "crowded")
    kept = {number for digit in digits for number in digit.labels}
    tallest = max(digit.length for digit in digits)
    dropped = [c for c in components if c.labels[0] not in kept and c.length > SPECK * tallest]
    return Segmentation(in_lines(digits), labels, tuple(dropped), None)


def _is_noise(components: Sequence[Component], shape: tuple[int, ...]) -> bool:
    """Whether all ink is specks: none larger than a fiftieth of the picture, or hundreds of them, all of about one size."""
    lengths = [component.length for component in components]
    if lengths[0] < max(4, 0.02 * max(shape)):
        return True
    return len(components) > 100 and lengths[0] < 4 * float(np.median([n for n in lengths if n > 2] or [1])) and lengths[0] < 20


def _is_frame(component: Component, components: Sequence[Component], labels: Labels) -> bool:
    """Whether it is thin ink along all four sides of its box, with something inside: no digit is."""
    if component.area > 0.3 * component.height * component.width or min(component.height, component.width) < 12:
        return False
    if not any(_surrounds(component, other) and other.length > 0.15 * component.length for other in components):
        return False
    own = np.isin(labels[component.top : component.bottom, component.left : component.right], component.labels)
    band = max(2, component.length // 20)
    sides = (own[:band].any(axis=0), own[-band:].any(axis=0), own[:, :band].any(axis=1), own[:, -band:].any(axis=1))
    return min(float(side.mean()) for side in sides) > 0.85


def _surrounds(outer: Component, inner: Component) -> bool:
    return outer.top < inner.top and outer.left < inner.left and outer.bottom > inner.bottom and outer.right > inner.right


def _without_walls(components: list[Component], lines: Mask) -> list[Component]:
    """Drop the walls of form cells: upright bars from one ruled line to another, if there is anything else."""
    rest = [c for c in components if not (is_bar(c) and c.height > c.width and _ends_on(c, lines))]
    return rest or components


def _ends_on(component: Component, lines: Mask) -> bool:
    """Whether there is a line at both ends of an upright bar, or the edge of the picture at one."""
    third, around = component.height // 3 + 1, 3 * component.width
    columns = np.s_[max(component.left - around, 0) : component.right + around]
    above = component.top <= third // 4 or lines[max(component.top - third // 4, 0) : component.top + third, columns].any()
    below = (
        component.bottom >= len(lines) - third // 4
        or lines[component.bottom - third : component.bottom + third // 4, columns].any()
    )
    return bool(above and below)


def _without_remains(components: list[Component], labels: Labels, lines: Mask) -> list[Component]:
    """Drop what is left where ruled lines cross: small ink that touches the lines."""
    touching = set(np.unique(labels[ndimage.maximum_filter(lines, 5)]).tolist())
    tallest = max(component.length for component in components)
    return [c for c in components if c.length > 0.2 * tallest or c.labels[0] not in touching]


def without_surroundings(components: list[Component], density: Grey, labels: Labels) -> list[Component]:
    """Drop dark corners, edges of a table, frames and ends of other lines of text at the picture's edges, if something remains."""
    shape = density.shape
    apart = [component for component in components if not _lies_along_edge(component, shape)]
    inner = [c for c in components if c in apart or _stands_in_line(c, apart, density, labels)]
    whole = [component.length for component in inner if not any(_edges(component, shape))]
    if sum(length > 0.5 * max(whole) for length in whole) > 1:
        inner = [c for c in inner if c.length >= 0.5 * max(whole) or not any(_edges(c, shape))]
    if any(sum(_edges(component, shape)) >= 3 for component in components) and any(c.length >= 12 and c.area >= 30 for c in inner):
        return inner
    longest = max(component.length for component in components)
    largest = max(component.area for component in components)
    if any(c.length > 0.15 * longest and c.length >= 8 and c.area > 0.03 * largest for c in inner):
        return inner
    return components


def _stands_in_line(component: Component, others: Sequence[Component], density: Grey, labels: Labels) -> bool:
    """Whether it is the first or last digit of a line and reaches the edge: as high as others beside it, and as wide or a 1.

    Dark corners look like a 1 but for the width and the darkness of its stroke.
    """
    top, _, bottom, _ = _edges(component, density.shape)
    beside = [c for c in others if _shared_height(c, component) > IN_LINE * max(c.height, component.height)]
    if top or bottom or not beside:
        return False
    if len(beside) >= 2 and component.width > 0.5 * float(np.median([c.width for c in beside])):
        return True
    width, darkness = _stroke(component, density, labels)
    widths, darknesses = np.transpose([_stroke(c, density, labels) for c in beside])
    least, most = STROKE * np.median(widths)
    return bool(least <= width <= most and darkness > DARKNESS * np.median(darknesses))


def _stroke(component: Component, density: Grey, labels: Labels) -> tuple[float, float]:
    """The width of a component's strokes across, the median over its rows, and its median density."""
    window = np.s_[component.top : component.bottom, component.left : component.right]
    own = np.isin(labels[window], component.labels)
    runs = np.count_nonzero(own[:, 1:] > own[:, :-1], axis=1) + own[:, 0]
    return float(np.median(np.count_nonzero(own, axis=1) / np.maximum(runs, 1))), float(np.median(density[window][own]))


def _shared_height(one: Component, other: Component) -> int:
    return min(one.bottom, other.bottom) - max(one.top, other.top)


def _lies_along_edge(component: Component, shape: tuple[int, ...]) -> bool:
    """Whether it touches two edges of the picture, or lies along half of one, or is flat or narrow along it."""
    top, left, bottom, right = _edges(component, shape)
    along = ((left or right) and component.height > 0.5 * shape[0]) or ((top or bottom) and component.width > 0.5 * shape[1])
    flat = component.height < 0.4 * component.width and (top or bottom or left or right)
    narrow = component.width < 0.35 * component.height and (left or right)
    return along or flat or narrow or sum((top, left, bottom, right)) >= 2


def is_bar(component: Component) -> bool:
    """Whether it is long, straight and thin: a remnant of a line or frame, or a 1."""
    return min(component.height, component.width) < 0.15 * component.length


def _edges(component: Component, shape: tuple[int, ...]) -> tuple[bool, ...]:
    """Which edges of the picture it touches: top, left, bottom, right."""
    return component.top == 0, component.left == 0, component.bottom == shape[0], component.right == shape[1]


def without_dashes(components: list[Component]) -> list[Component]:
    """Drop long flat components, remains of lines, if there are others that could be digits."""
    longest = max(component.length for component in components)
    upright = [c for c in components if c.height > 0.2 * c.width or c.length < 0.5 * longest]
    return upright if any(c.height > 0.1 * longest and c.height >= 8 for c in upright) else components


def _without_specks(digits: list[Component], shape: tuple[int, ...]) -> list[Component]:
    """Drop what is much smaller than the digits, and what the picture's edge cuts off if it is not as large as the others."""
    longest = max(digit.length for digit in digits)
    largest = max(digit.area for digit in digits)
    return [
        digit
        for digit in digits
        if digit.area == largest
        or (
            digit.height >= SPECK * longest
            and digit.area >= 0.03 * largest
            and (digit.height >= 0.6 * longest or not any(_edges(digit, shape)))
        )
    ]


def in_lines(digits: list[Component]) -> tuple[tuple[Component, ...], ...]:
    """Lines from top to bottom, the digits of each from left to right. Digits share a line if they overlap by half in height."""
    lines: list[list[Component]] = []
    for digit in sorted(digits, key=lambda digit: digit.top + digit.bottom):
        line = lines[-1] if lines else []
        if any(_share_line(digit, other) for other in line):
            line.append(digit)
        else:
            lines.append([digit])
    return tuple(tuple(sorted(line, key=lambda digit: digit.centre)) for line in lines)


def _share_line(one: Component, other: Component) -> bool:
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > 0.5 * min(one.height, other.height)
