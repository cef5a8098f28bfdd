"""Ruled lines, squares and frames, taken out of an ink map without cutting the strokes that cross them.

A line is straight, thin and runs through nearly the whole picture. It is found by a Hough transform whose lines are
`y = offset + slope * x` (after a transposition, the upright ones too), followed column by column, and rubbed out wherever
the ink in the column is no thicker than the line itself. Whether it was a line, or the stem of a digit, is not decided here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.ink import Grey

INK = 0.4  # density from which a pixel belongs to a line
SLOPES = np.linspace(-0.2, 0.2, 81)  # up to 11 degrees
COARSE = 320  # the transform is made on ink maps of this size
LEAST_COVERAGE = 0.7  # of the picture's width
THROUGH = 0.93  # of the picture's width, for a line that is hardly a stroke
MOST_LINES = 60
MIN_SIDE = 64  # pixels: in a smaller picture a line cannot be told from a stroke
MAX_THICKNESS = 0.045  # of the picture's longer side

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """`y = offset + slope * x` in pixels of the ink map."""

    offset: float
    slope: float


def line_masks(density: Grey) -> list[Mask]:
    """Where ruled lines may be, the likeliest first; empty if there are none.

    Lines from edge to edge, in both directions, upright or flat ones only; then shorter ones, which may be the stems and bars of
    digits.
    """
    if max(density.shape) < MIN_SIDE:
        return []
    found = [_removals(density), _removals(np.ascontiguousarray(density.T))]
    masks: list[Mask] = []
    for flat, upright in zip(found[0], (mask.T for mask in found[1]), strict=True):
        for mask in (flat | upright, upright, flat):
            rest = (density > INK) & ~mask
            if mask.any() and rest.any() and not any(np.array_equal(mask, other) for other in masks):
                masks.append(mask)
    return masks


def _removals(density: Grey) -> tuple[Mask, Mask]:
    """The pixels of lines that run from the left edge to the right, and of those and shorter ones."""
    mask = density > INK
    through, every = np.zeros(mask.shape, dtype=bool), np.zeros(mask.shape, dtype=bool)
    if not _reaches_both_sides(mask):
        return through, every
    for line in find_lines(mask):
        pixels = _followed(density, line)
        if pixels is not None:
            every |= pixels
            if coverage(mask, line, max(1, round(0.01 * max(mask.shape)))) > THROUGH:
                through |= pixels
    return through, every


def _reaches_both_sides(mask: Mask) -> bool:
    """Whether a line through most of the picture is possible at all; in most pictures of one digit it is not."""
    margin = max(2, round(0.08 * mask.shape[1]))
    return bool(mask.any(axis=0).mean() >= LEAST_COVERAGE and mask[:, :margin].any() and mask[:, -margin:].any())


def find_lines(mask: Mask) -> list[Line]:
    """Straight lines that run through at least `LEAST_COVERAGE` of the picture's width, the fullest first."""
    step = -(-max(mask.shape) // COARSE)
    coarse = _coarse(mask, step)
    y, x = np.nonzero(_thin(coarse))
    reach = int(np.ceil(SLOPES[-1] * coarse.shape[1])) + 2
    offsets = np.rint(y - SLOPES[:, None] * x).astype(np.intp) + reach  # (S, n)
    votes = _votes(offsets, size := coarse.shape[0] + 2 * reach)
    lines: list[Line] = []
    for _ in range(6 * MOST_LINES):
        s, offset = np.unravel_index(votes.argmax(), votes.shape)
        if votes[s, offset] < 0.2 * coarse.shape[1] or len(lines) == MOST_LINES:
            break
        line = Line(float(offset) - reach - 0.5, float(SLOPES[s]))
        if coverage(coarse, line) >= LEAST_COVERAGE:
            lines.append(Line((line.offset + 0.5) * step, line.slope))
            rest = np.abs(offsets[s] - offset + 0.5) > 3
            votes -= _votes(offsets[:, ~rest], size)
            offsets = offsets[:, rest]
        votes[s, offset] = 0
    return lines


def coverage(mask: Mask, line: Line, reach: int = 1) -> float:
    """The share of columns in which there is ink within `reach` pixels of the line; of those where the line is in the picture.

    0 where that is less than half of them.
    """
    x = np.arange(mask.shape[1])
    rows = np.rint(line.offset + line.slope * x).astype(np.intp) + np.arange(-reach, reach + 1)[:, None]
    inside = (rows >= 0) & (rows < mask.shape[0])
    if inside[reach].mean() < 0.5:
        return 0.0
    return float((mask[np.clip(rows, 0, mask.shape[0] - 1), x] & inside).any(axis=0)[inside[reach]].mean())


def _thin(mask: Mask) -> Mask:
    """Only where the ink is not thicker, from top to bottom, than a line could be."""
    thickest = max(4, round(0.03 * max(mask.shape)))
    return np.asarray(mask & ~ndimage.binary_opening(mask, np.ones((thickest + 1, 1))))


def _coarse(mask: Mask, step: int) -> Mask:
    """One pixel for each `step` x `step` of them: whether there is ink in any."""
    if step == 1:
        return mask
    height, width = (-(-side // step) for side in mask.shape)
    padded = np.pad(mask, ((0, height * step - mask.shape[0]), (0, width * step - mask.shape[1])))
    return np.asarray(padded.reshape(height, step, width, step).any(axis=(1, 3)))


def _votes(offsets: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """How many pixels lie on each line, `(slopes, offsets)`, a line being two offsets wide."""
    count = len(offsets)
    votes = np.bincount((offsets + size * np.arange(count)[:, None]).ravel(), minlength=count * size).reshape(count, size)
    votes[:, 1:] += votes[:, :-1].copy()
    return votes


def _followed(density: Grey, line: Line) -> Mask | None:
    """The pixels of one line that belong to it alone; None if it is too thick for a line."""
    height, width = density.shape
    reach = max(6, round(0.03 * max(density.shape)))
    x = np.arange(width)
    middle = np.rint(line.offset + line.slope * x).astype(np.intp)
    rows = middle + np.arange(-2 * reach, 2 * reach + 1)[:, None]  # (4 reach + 1, W)
    window = np.where((rows >= 0) & (rows < height), density[np.clip(rows, 0, height - 1), x], np.float32(0))
    near = np.s_[reach : 3 * reach + 1]
    smooth = ndimage.uniform_filter1d(window[near], max(3, width // 20) | 1, axis=1, mode="nearest")
    nearness = 1 - np.abs(np.arange(-reach, reach + 1))[:, None] / (1.5 * reach)
    track = ndimage.median_filter((smooth * nearness).argmax(axis=0), max(3, width // 20) | 1, mode="nearest") + reach
    up, down = _runs(window > INK / 2, track)
    run = up + down - 1
    present = up > 0
    if present.mean() < LEAST_COVERAGE / 2 or not present.any():
        return None
    thickness = float(np.percentile(run[present], 30))  # where a digit lies on the line, the run is the digit's
    if thickness > MAX_THICKNESS * max(density.shape):
        return None
    alone = present & (run <= 1.7 * thickness + 1)
    gone = np.zeros(density.shape, dtype=bool)
    depth = np.arange(window.shape[0])[:, None] - track
    pixels = alone & (depth >= -up) & (depth <= down)
    inside = pixels & (rows >= 0) & (rows < height)
    gone[rows[inside], np.broadcast_to(x, rows.shape)[inside]] = True
    return gone


def _runs(mask: Mask, track: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How far ink reaches up and down from row `track` of each column, that row included; 0 where it is paper."""
    length = mask.shape[0]
    depth = np.arange(length)[:, None] - track
    blank_above = np.where(~mask & (depth <= 0), -depth, length).min(axis=0)
    blank_below = np.where(~mask & (depth >= 0), depth, length).min(axis=0)
    return blank_above.astype(np.intp), blank_below.astype(np.intp)
