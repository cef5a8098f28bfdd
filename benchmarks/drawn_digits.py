"""Digits drawn as strokes, in the shapes that people write and MNIST hardly has.

Each function draws one digit in a shape chosen at random, in a box about 1 high: a 1 with flag and foot or with an upstroke from
below, a 7 with a bar and a hook, open and closed 4s, 2s with loops or angles, 9s in one stroke.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.ones_and_sevens import one, seven
from benchmarks.pen import Map, Points, Random, arc, bitmap, curve, cut_off, deformed, inked, path, worn


def zero(rng: Random) -> list[Points]:
    """Closed, open or closed twice."""
    start, over = rng.uniform(200, 340), rng.uniform(-25, 50) if rng.random() < 0.5 else 0.0
    over = rng.uniform(-60, -25) if rng.random() < 0.06 else over
    return [curve(arc(0.5, 0.5, rng.uniform(0.28, 0.55), 0.5, start, start + rng.choice([-1, 1]) * (360 + over)))]


def two(rng: Random) -> list[Points]:
    """With a straight base, with a loop, angular like a Z, or in one curve."""
    kind, w = rng.random(), rng.uniform(0.5, 0.85)
    start = (0.0, rng.uniform(0.1, 0.35))
    if kind < 0.35:
        neck = curve([start, (0.2 * w, 0.06), (0.55 * w, 0), (0.95 * w, 0.15), (0.95 * w, 0.35), (0.6 * w, 0.65), (0, 1)])
        return [path(neck, [(w * rng.uniform(0.9, 1.3), 1 - rng.uniform(-0.05, 0.1))])]
    if kind < 0.65:
        back = [start, (0.2 * w, 0.06), (0.55 * w, 0), (0.95 * w, 0.15), (0.9 * w, 0.4), (0.45 * w, 0.75), (0.1 * w, 0.97)]
        loop = [(0, 0.9), (0.15 * w, 0.82), (0.5 * w, 0.92), (w * rng.uniform(0.9, 1.3), rng.uniform(0.85, 1))]
        return [curve([*back, *loop])]
    if kind < 0.75:
        top = [(0, rng.uniform(0, 0.2)), (0.1 * w, rng.uniform(0, 0.1)), (w, 0), (w, 0.08)]
        return [path(top, [(0, 1), (w * rng.uniform(0.9, 1.2), 1 - rng.uniform(-0.03, 0.08))])]
    return [curve([(0, 0.2), (0.5 * w, 0), (w, 0.25), (0.7 * w, 0.55), (0, 0.95), (0.35 * w, 0.9), (1.05 * w, 1)])]


def three(rng: Random) -> list[Points]:
    """Round, with a flat top, or with a small loop in the middle."""
    w, m, end = rng.uniform(0.45, 0.75), rng.uniform(0.4, 0.52), (0, rng.uniform(0.8, 0.95))
    if rng.random() < 0.3:
        belly = curve([(w * rng.uniform(0.4, 0.6), m), (0.8 * w, m + 0.05), (w, 0.7), (0.8 * w, 0.95), (0.4 * w, 1), end])
        return [path([(0, rng.uniform(-0.02, 0.05)), (w, 0)], belly)]
    if rng.random() < 0.3:
        upper = [(0, 0.15), (0.4 * w, 0), (0.9 * w, 0.15), (0.75 * w, 0.38), (0.4 * w, m), (0.45 * w, m + 0.04)]
        return [curve([*upper, (0.9 * w, m + 0.18), (0.85 * w, 0.9), (0.4 * w, 1), end])]
    upper_half = curve(
        [(0, rng.uniform(0.08, 0.25)), (0.4 * w, 0), (0.9 * w, 0.12), (0.8 * w, 0.36), (w * rng.uniform(0.3, 0.5), m)]
    )
    return [path(upper_half, curve([(0.4 * w, m), (0.9 * w, m + 0.1), (w, 0.72), (0.75 * w, 0.97), (0.35 * w, 1), end]))]


def four(rng: Random) -> list[Points]:
    """Open or closed, its angle straight or round."""
    kind, w, y = rng.random(), rng.uniform(0.5, 0.85), rng.uniform(0.55, 0.78)
    x, tilt = w * rng.uniform(0.55, 0.85), rng.uniform(-0.06, 0.06)
    if kind < 0.5:
        start = (w * rng.uniform(0.1, 0.55), 0 if rng.random() < 0.6 else rng.uniform(0, 0.2))
        stem = curve([(x + rng.uniform(-0.05, 0.12), rng.uniform(0, 0.35)), (x, 0.6), (x - rng.uniform(-0.05, 0.12), 1)])
        return [np.array([start, (0, y + tilt), (w * rng.uniform(1, 1.3), y - tilt)]), stem]
    if kind < 0.75:
        angle = np.array([(x, 0), (0, y + tilt), (w * rng.uniform(1, 1.25), y - tilt)])
        return [angle, np.array([(x, rng.uniform(0, 0.05)), (x + rng.uniform(-0.04, 0.04), 1)])]
    if kind < 0.87:
        cup = curve([(0, rng.uniform(0, 0.1)), (rng.uniform(-0.03, 0.1), 0.35), (0.15 * w, 0.5), (0.5 * w, 0.52), (0.85 * w, 0.4)])
        return [cup, curve([(0.9 * w, 0), (0.85 * w, 0.5), (0.8 * w, 1)])]
    return [np.array([(1.1 * w, y - tilt), (0, y + tilt), (x, 0), (x, 1)])]


def five(rng: Random) -> list[Points]:
    """With its bar drawn last, in one stroke, or round like an S."""
    kind, w, m = rng.random(), rng.uniform(0.5, 0.75), rng.uniform(0.33, 0.45)
    end = (0, rng.uniform(0.82, 0.97))
    belly = curve([(0.05 * w, m + 0.05), (0.5 * w, m - 0.04), (0.95 * w, m + 0.15), (0.95 * w, 0.8), (0.55 * w, 1), end])
    if kind < 0.5:
        bar = np.array([(0.1 * w, rng.uniform(-0.03, 0.06)), (w * rng.uniform(0.8, 1.35), rng.uniform(-0.08, 0.06))])
        return [path([(0.12 * w, rng.uniform(0, 0.04))], belly), bar]
    if kind < 0.8:
        return [path([(w * rng.uniform(0.8, 1.2), rng.uniform(-0.03, 0.05)), (0.15 * w, 0)], belly)]
    upper = [(w * rng.uniform(0.8, 1.1), 0), (0.3 * w, 0.03), (0.12 * w, 0.2), (0.25 * w, m)]
    return [curve([*upper, (0.75 * w, m + 0.08), (0.9 * w, 0.75), (0.5 * w, 1), (0, 0.93)])]


def six(rng: Random) -> list[Points]:
    """With a straight or a curved back, one in four slim, some wide; its top hooked or lying; its bowl drawn on or apart."""
    w, m, kind = rng.uniform(0.28, 0.5) if rng.random() < 0.25 else rng.uniform(0.5, 0.9), rng.uniform(0.42, 0.62), rng.random()
    if rng.random() < 0.15:
        return _six_in_two(w, m, rng)
    round_ = [(0.6 * w, 1), (w, 0.8), (0.85 * w, m + 0.05), (0.5 * w, m), (0.1 * w, m + 0.22)]
    if kind < 0.5:
        end = [(0.08 * w, 0.8)] if rng.random() < 0.5 else []
        return [curve([(w * rng.uniform(0.5, 1), 0), (0.25 * w, 0.25), (0, 0.65), (0.2 * w, 0.95), *round_, *end])]
    if kind < 0.65:
        tip, bend = (w * rng.uniform(0.9, 1.2), rng.uniform(0.1, 0.22)), (w * rng.uniform(0.8, 1), rng.uniform(0, 0.05))
        return [curve([tip, bend, (0.45 * w, rng.uniform(0, 0.06)), (0.1 * w, 0.3), (0, 0.68), (0.2 * w, 0.95), *round_])]
    if kind < 0.8:
        back = [(rng.uniform(0.1, 0.3) * w, 0), (0.04 * w, 0.4), (0, 0.75), (0.3 * w, 1), (0.8 * w, 0.95), (w, 0.75)]
        return [curve([*back, (0.75 * w, m), (0.3 * w, m + 0.05), (0.05 * w, 0.8)])]
    return [curve([(0.9 * w, 0.03), (0.5 * w, 0.02), (0.12 * w, 0.3), (0, 0.65), (0.2 * w, 0.93), *round_])]


def _six_in_two(w: float, m: float, rng: Random) -> list[Points]:
    """A back that curves from a lying top to the base, and a bowl begun inside or left of it, which about meets its end."""
    top = [(w * rng.uniform(0.7, 1.1), rng.uniform(0, 0.12)), (w * rng.uniform(0.4, 0.7), rng.uniform(0, 0.08))]
    end = (w * rng.uniform(0.9, 1.05), m + rng.uniform(0.15, 0.3))
    back = curve([*top, (0.08 * w, 0.35), (0, 0.68), (0.2 * w, 0.95), (0.55 * w, 1), (0.85 * w, 0.92), end])
    start = (w * rng.uniform(-0.15, 0.3), m + rng.uniform(-0.02, 0.12))
    return [back, curve([start, (w * rng.uniform(0.35, 0.6), m + rng.uniform(-0.08, 0.02)), (0.85 * w, m + 0.08), end])]


def eight(rng: Random) -> list[Points]:
    """Two circles, or one curve."""
    w, m = rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.52)
    if rng.random() < 0.3:
        a, b = rng.uniform(60, 120), rng.uniform(250, 290)
        upper = arc(w / 2, m / 2, w * rng.uniform(0.32, 0.45), m / 2, a, a + 360)
        return [curve(upper), curve(arc(w / 2, (1 + m) / 2, w / 2, (1 - m) / 2, b, b + 360))]
    shift = rng.uniform(-0.1, 0.1)
    down = [
        (0.75 * w + shift, 0.1),
        (0.45 * w, 0),
        (0.08 * w, 0.18),
        (0.35 * w, m - 0.05),
        (0.75 * w, m + 0.12),
        (w, 0.78),
        (0.5 * w, 1),
    ]
    up = [
        (0, 0.8),
        (0.22 * w, m + 0.15),
        (0.6 * w, m - 0.05),
        (0.92 * w, 0.2),
        (w * rng.uniform(0.6, 0.85), rng.uniform(0.02, 0.12)),
    ]
    return [curve([*down, *up])]


def nine(rng: Random) -> list[Points]:
    """With a straight stem, apart or drawn on; with a hook; with a slanted tail; in one stroke, its loop open."""
    w, m, kind = rng.uniform(0.42, 0.75), rng.uniform(0.42, 0.58), rng.random()
    if rng.random() < 0.25:
        return [_open_nine(w, m, rng)]
    start = rng.uniform(-60, 10)
    loop = curve(arc(w / 2, m / 2, w / 2, m / 2, start, start - 360 - rng.uniform(-20, 20)))
    if kind < 0.3:
        stem = [(w * rng.uniform(0.9, 1.02), rng.uniform(0, 0.2)), (w * rng.uniform(0.9, 1), 0.5), (w * rng.uniform(0.75, 1.05), 1)]
        return [loop, curve(stem)]
    if kind < 0.6:
        tail = [(0.98 * w, 0.8 * m), (w * rng.uniform(0.75, 0.95), 1)]
    elif kind < 0.85:
        tail = [(w, 0.55), (0.9 * w, 0.85), (0.55 * w, 1), (w * rng.uniform(0, 0.2), rng.uniform(0.85, 0.98))]
    else:
        tail = [(0.95 * w, 0.6), (0.6 * w, rng.uniform(0.85, 1)), (w * rng.uniform(0.2, 0.5), 1)]
    return [path(loop, curve([loop[-1], *tail]))]


def _open_nine(w: float, m: float, rng: Random) -> Points:
    """A 9 begun at the upper right, its tail hooked to the left; `w` its width, `m` the height of its loop."""
    loop = [
        (w * rng.uniform(0.8, 1), rng.uniform(0, 0.08)),
        (0.5 * w, 0),
        (0.05 * w, 0.4 * m),
        (0.2 * w, 0.95 * m),
        (0.6 * w, 0.95 * m),
    ]
    tail = [
        (w, rng.uniform(0.15, 0.3)),
        (w, 0.65),
        (0.7 * w, rng.uniform(0.92, 1)),
        (rng.uniform(0, 0.4) * w, rng.uniform(0.85, 1)),
    ]
    return path(loop, tail) if rng.random() < 0.3 else curve([*loop, *tail])


SHAPES: tuple[Callable[[Random], list[Points]], ...] = (zero, one, two, three, four, five, six, seven, eight, nine)


def draw(digit: int, rng: Random) -> Map:
    """A digit in one of its shapes, `float32 (H, W)`: a quarter with gaps, a tenth cut off, a quarter small bitmaps."""
    ink = inked(deformed(SHAPES[digit](rng), rng), rng)
    ink = cut_off(ink, rng) if rng.random() < 0.1 else ink
    if rng.random() < 0.25:
        return bitmap(ink, rng)
    return worn(ink, rng) if rng.random() < 0.25 else ink
