"""The 1s and 7s of `benchmarks.drawn_digits`, which people of different countries write in the most different ways."""

from collections.abc import Sequence

import numpy as np

from benchmarks.pen import Points, Random, curve, path


def one(rng: Random) -> list[Points]:
    """Plain; with an upstroke that crosses the stem; with a flag; with a foot, straight or looped; one in twenty leans far."""
    kind = rng.random()
    lean = rng.uniform(-0.45, 0.45) if rng.random() < 0.05 else rng.uniform(-0.15, 0.1)
    top, bottom = np.array([0.5 - lean, 0.0]), np.array([0.5 + lean, 1.0])
    left, right = (rng.uniform(0.12, 0.5), rng.uniform(-0.08, 0.1)), (rng.uniform(0.12, 0.5), rng.uniform(-0.1, 0.05))
    foot = [np.array([bottom - left, bottom + right])]
    if kind < 0.12:
        return [np.array([top, bottom])]
    if kind < 0.27:
        return [_upstroke(rng), *(foot if rng.random() < 0.25 else [])]
    stem = curve(np.array([top, (top + bottom) / 2 + [rng.uniform(-0.03, 0.03), 0], bottom]))
    if kind < 0.37:
        short = [top + np.array([-rng.uniform(0.03, 0.25), rng.uniform(0.03, 0.25)])] if rng.random() < 0.6 else []
        return [curve([*short, *stem[:-2], *(bottom + _looped_foot(rng))])]
    flag = _flag(top, rng, least_slope=0.0 if kind > 0.58 else 1.0)
    if rng.random() < 0.75:
        strokes = [path(flag, stem)]
    else:
        strokes = [flag + np.array([rng.uniform(-0.02, 0.05), rng.uniform(-0.03, 0.03)]), stem]
    return strokes + (foot if kind > 0.58 else [])


def _upstroke(rng: Random) -> Points:
    """A 1 whose upstroke begins at half of its height and crosses the stem."""
    low, x = rng.uniform(0.35, 0.75), rng.uniform(0.05, 0.25)
    upstroke = [
        (0.5 - rng.uniform(0.15, 0.4), low),
        (0.5, low * rng.uniform(0.4, 0.6)),
        (0.5 + x, 0.1),
        (0.5 + x * rng.uniform(0.3, 0.8), 0),
    ]
    return curve([*upstroke, (0.5 - rng.uniform(0, 0.06), rng.uniform(0.12, 0.3)), (0.47, 0.6), (0.5 - rng.uniform(0, 0.12), 1)])


def _flag(top: Points, rng: Random, least_slope: float) -> Points:
    """The flag of a 1, short or nearly as long as its stem; a long one falls at least so much: without a foot it could be a 7."""
    across, down = rng.uniform(0.08, 0.7), rng.uniform(0.08, 0.6)
    down = max(down, rng.uniform(0.6, 0.9) * across) if across > 0.25 else down
    if rng.random() < 0.35:
        across, down = rng.uniform(0.12, 0.8), rng.uniform(0.4, 0.95)
    down = max(down, least_slope * across) if across > 0.2 else down
    tip = top + np.array([-across, down])
    if rng.random() < 0.2:  # round, as the top of a 2
        return curve(np.array([tip, tip + (top - tip) * (rng.uniform(0.05, 0.4), rng.uniform(0.6, 0.95)), top]))
    bend = (tip + top) / 2 + np.array([rng.uniform(-0.04, 0.06), rng.uniform(0, 0.1) * (rng.random() < 0.5)])
    return curve(np.array([tip, bend, top]))


def _looped_foot(rng: Random) -> Points:
    """A small loop to the left of the end of a stem, drawn on into a foot to the right."""
    w, h = rng.uniform(0.12, 0.28), rng.uniform(0.12, 0.24)
    end = (rng.uniform(0.2, 0.45), rng.uniform(-0.1, 0.02))
    return np.array([(-0.5 * w, 0), (-w, -0.3 * h), (-0.8 * w, -h), (-0.3 * w, -0.9 * h), (0.1, -0.35 * h), end])


def seven(rng: Random) -> list[Points]:
    """With or without a bar; its top plain, with a serif, or wavy; seldom with a foot, or in two strokes like a T."""
    w = rng.uniform(0.5, 0.85)
    if rng.random() < 0.08:
        return _like_a_t(w, rng)
    foot, bow = w * rng.uniform(0.1, 0.75), rng.uniform(-0.12, 0.06)
    top: list[Sequence[float]] | Points = [(0, rng.uniform(-0.04, 0.18)), (w, rng.uniform(-0.05, 0.05))]
    kind = rng.random()
    if kind < 0.3:
        top = [(rng.uniform(-0.02, 0.04), rng.uniform(0.1, 0.25)), *top]
    elif kind < 0.55:
        top = _wave(w, rng)
    elif kind < 0.63:
        top = curve([(0, 0.08), (0.15 * w, 0), (0.5 * w, 0.06), (w, -0.02)])
    middle = (w + foot) / 2 + bow
    stem = curve([top[-1], (middle, 0.5), (foot, 1)]) if rng.random() < 0.7 else np.array([top[-1], (foot, 1)])
    hooked = [(foot - rng.uniform(0.04, 0.16), 1 - rng.uniform(-0.02, 0.1))] if rng.random() < 0.15 else stem[-1:]
    strokes = [path(top, stem, hooked)]
    if rng.random() < 0.62:
        y, half, tilt = rng.uniform(0.38, 0.7), rng.uniform(0.15, 0.55), rng.uniform(-0.07, 0.07)
        y, x = (rng.uniform(0.7, 0.92), foot) if rng.random() < 0.2 else (y, middle)
        strokes.append(np.array([(x - half, y + tilt), (x + half * rng.uniform(0.7, 1.2), y - tilt)]))
    if rng.random() < 0.08:
        strokes.append(np.array([(foot - rng.uniform(0, 0.25), 1), (foot + rng.uniform(0.1, 0.3), 1 - rng.uniform(-0.04, 0.06))]))
    return strokes


def _like_a_t(w: float, rng: Random) -> list[Points]:
    """A top, level or rising, and a stem that begins somewhere under its right half, or a little above it."""
    left, right = rng.uniform(-0.02, 0.2), rng.uniform(-0.08, 0.06)
    at, foot = rng.uniform(0.45, 0.9), w * rng.uniform(0.1, 0.65)
    begin = (w * at, left + at * (right - left) + rng.uniform(-0.06, 0.04))
    stem = curve([begin, ((begin[0] + foot) / 2 + rng.uniform(-0.08, 0.06), 0.5), (foot, 1)])
    return [np.array([(0, left), (w, right)]), stem]


def _wave(w: float, rng: Random) -> Points:
    """The top of a 7 like a lying S, flat or as steep as an N."""
    steep = rng.uniform(0, 0.25) if rng.random() < 0.4 else 0.0
    hook = [(rng.uniform(-0.1, 0.1), rng.uniform(0.12, 0.3) + steep), (rng.uniform(0.05, 0.3) * w, rng.uniform(0, 0.1))]
    dip = (rng.uniform(0.45, 0.65) * w, rng.uniform(0.06, 0.2) + steep * rng.uniform(0.3, 1))
    return curve([*hook, ((hook[1][0] + dip[0]) / 2, (hook[1][1] + dip[1]) / 2 - 0.03), dip, (w, rng.uniform(-0.04, 0.1))])
