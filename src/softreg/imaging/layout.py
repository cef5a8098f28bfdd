"""Ways to see a picture: for each an ink map, its lines of text, and the digits in them.

A picture seldom says for sure which ink is a digit and which a frame, or where one digit ends. Nothing here decides it: `layouts`
yields ways to see the whole picture, the most usual first. Whoever knows digits (`softreg.inference.reading`) chooses, as LeCun et
al. do (Gradient-based learning applied to document recognition, Proceedings of the IEEE, 1998, section VI).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from scipy import ndimage

from softreg.imaging.components import INK, Component, Labels, connected_components, crop, union
from softreg.imaging.faint_strokes import local_contrast
from softreg.imaging.ink import Grey, Ink, edge_threshold
from softreg.imaging.joining import LOW
from softreg.imaging.lines import Mask, line_masks
from softreg.imaging.normalization import NormalizedDigit, normalize
from softreg.imaging.segmentation import MAX_COMPONENTS, is_bar, segment

MAX_ASPECT = 1.7  # of width to height: 99.9 % of MNIST's digits are narrower
MANY, CONDENSED, USUAL_ASPECT = 3, 0.42, 0.6  # a line of so many digits, three quarters of them slimmer, is brought to the last
BAR = 0.1  # what a bar that was dropped counts of its length: it is seldom a digit

Lines = tuple[tuple[Component, ...], ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """One way to see a picture.

    Attributes
    ----------
    kind
        "usual"; "faint" strokes; "fragments" of digits joined; ink at the edges taken for digits ("surroundings"); all ink as one
        digit ("whole"); other ruled "lines" taken out.
    density
        `float32 (H, W)`, the ink map.
    labels
        `int32 (H, W)`: the labels of the components.
    lines
        Lines of text from top to bottom, the digits of each from left to right.
    dropped
        The length of the ink taken for something else than digits, as a share of the digits'.
    missed
        Ink of a digit that only shows in local contrast, as a share of the digit's; the most of any digit.
    ruled
        Whether ruled lines were taken out.
    reason
        If there are no lines of text, the key of the reason; else None.
    stretch
        By how much its digits are widened, more than 1 if they are condensed: several tall, slim ones beside each other.
    turns
        Degrees by which digits are turned, anticlockwise, before anything is said of them; the others stand as they are.
    """

    kind: str
    density: Grey
    labels: Labels
    lines: Lines
    dropped: float
    missed: float
    ruled: bool
    reason: str | None
    stretch: float = 1.0
    turns: Mapping[Component, float] = field(default_factory=dict)
    _normalized: dict[tuple[Component, float], tuple[NormalizedDigit, tuple[int, int]]] = field(default_factory=dict)
    _of_ink: dict[tuple[bytes, float, float], NormalizedDigit] = field(default_factory=dict)  # all layouts of a picture share it

    def normalized(self, component: Component) -> tuple[NormalizedDigit, tuple[int, int]]:
        """A component in MNIST's form, turned as `turns` has it, and the row and column of the ink map where its crop begins."""
        turn = self.turns.get(component, 0.0)
        known = component, turn
        if known not in self._normalized:
            ink, top, left = crop(component, self.density, self.labels)
            key = sha256(repr(ink.shape).encode() + ink.tobytes()).digest(), self.stretch, turn
            if key not in self._of_ink:
                self._of_ink[key] = normalize(ink, self.stretch, turn)
            self._normalized[known] = self._of_ink[key], (top, left)
        return self._normalized[known]


def layouts(ink: Ink) -> Iterator[Layout]:
    """Ways to see a picture, the most usual first, each made when it is asked for."""
    of_ink: dict[tuple[bytes, float, float], NormalizedDigit] = {}
    return (replace(layout, _of_ink=of_ink) for layout in _layouts(ink))


def _layouts(ink: Ink) -> Iterator[Layout]:
    masks = line_masks(ink.density)
    ruled = masks[0] if masks else None
    density = ink.density if ruled is None else _without(ink.density, ruled)
    local = local_contrast(ink.contrast if ruled is None else np.where(ruled, np.float32(0), ink.contrast))
    usual = _layout("usual", density, ruled, local)
    yield usual
    yield _layout("faint", local, ruled, None)
    if usual.dropped or _has_low_digit(usual.lines):
        fragments = _layout("fragments", density, ruled, local)
        if fragments.lines != usual.lines:
            yield fragments
    if usual.dropped:
        yield _layout("surroundings", density, ruled, local)
    whole = _whole(usual)
    if whole is not None:
        yield whole
    for mask in masks[1:]:
        yield _layout("lines", _without(ink.density, mask), mask, local)
    if masks:
        yield _layout("lines", ink.density, None, local)


def _has_low_digit(lines: Lines) -> bool:
    heights = [digit.height for line in lines for digit in line]
    return bool(heights) and min(heights) < LOW * max(heights)


def _layout(kind: str, density: Grey, ruled: Mask | None, local: Grey | None) -> Layout:
    found = segment(density, ruled, keep_surroundings=kind == "surroundings", join_fragments=kind == "fragments")
    digits = [digit for line in found.lines for digit in line]
    length = sum(digit.length for digit in digits)
    dropped = sum(component.length * (BAR if is_bar(component) else 1) for component in found.dropped) / max(length, 1)
    missed = 0.0 if local is None else _missed(found.labels, local, digits)
    return Layout(kind, density, found.labels, found.lines, dropped, missed, ruled is not None, found.reason, _stretch(found.lines))


def _stretch(lines: Lines) -> float:
    """By how much the digits of a picture have to be widened to be as wide as usual."""
    if max(map(len, lines), default=0) < MANY:
        return 1.0
    aspect = float(np.percentile([digit.width / digit.height for line in lines for digit in line], 75))
    return USUAL_ASPECT / aspect if aspect < CONDENSED else 1.0


def _missed(labels: Labels, local: Grey, digits: Sequence[Component]) -> float:
    """How much ink in and around a digit is in the map of local contrast only, as a share of the digit's; the most of any digit."""
    of_digit = np.zeros(labels.max() + 1, dtype=bool)
    of_digit[[number for digit in digits for number in digit.labels]] = True
    share = 0.0
    for digit in digits:
        around = digit.length // 4
        window = np.s_[max(digit.top - around, 0) : digit.bottom + around, max(digit.left - around, 0) : digit.right + around]
        near = max(2, round(0.03 * digit.length))
        reach = ndimage.maximum_filter(of_digit[labels[window]], 2 * near + 1)
        share = max(share, float(np.count_nonzero((local[window] > INK) & ~reach)) / digit.area)
    return share


def _whole(layout: Layout) -> Layout | None:
    """All ink but specks as one digit; None if it is too wide for one, or in one piece anyway."""
    components = connected_components(layout.labels)
    if not 2 <= len(components) <= MAX_COMPONENTS:
        return None
    largest = max(component.area for component in components)
    digit = union([component for component in components if component.area > 0.02 * largest])
    if digit.width > MAX_ASPECT * digit.height or len(digit.labels) == 1:
        return None
    return Layout("whole", layout.density, layout.labels, ((digit,),), 0.0, 0.0, layout.ruled, None)


def _without(density: Grey, ruled: Mask) -> Grey:
    """The ink map without ruled lines, its threshold chosen anew: what is left may be fainter."""
    rest = np.where(ruled, np.float32(0), density)
    threshold = edge_threshold(rest)
    return rest if threshold is None or threshold > INK else np.minimum(rest / np.float32(2 * threshold), np.float32(1))
