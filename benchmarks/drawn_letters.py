"""The letter a as it is written by hand, in one stroke: of all letters the likest to digits, a 2, a 9 or a 1 with a foot.

Drawn for the detector of the run `handwriting` to learn from (`benchmarks.handwriting`): typefaces have few shapes of it.
"""

from benchmarks.pen import Map, Points, Random, arc, bitmap, curve, deformed, inked, path, worn


def letter(rng: Random) -> Map:
    """A letter, `float32 (H, W)`, 0 paper, 1 ink: a tenth with gaps, a fifth small bitmaps."""
    ink = inked(deformed([_a(rng)], rng), rng)
    kind = rng.random()
    return bitmap(ink, rng) if kind < 0.2 else worn(ink, rng) if kind < 0.3 else ink


def _a(rng: Random) -> Points:
    """A bowl from the top right round to where it began, or nearly, then a stem at its right, mostly with a tail."""
    half, top, bottom = rng.uniform(0.22, 0.45), rng.uniform(0, 0.15), rng.uniform(0.85, 1.02)
    start = rng.uniform(285, 350)
    bowl = arc(half, (top + bottom) / 2, half, (bottom - top) / 2, start, start - rng.uniform(320, 400))
    right = 2 * half + rng.uniform(-0.06, 0.06)
    lean = rng.uniform(-0.03, 0.06)
    stem = [(right + rng.uniform(-0.04, 0.05), rng.uniform(-0.08, 0.15)), (right, 0.55), (right + lean, rng.uniform(0.86, 0.98))]
    tail = [(right + lean + rng.uniform(0.08, 0.18), 1.0), (right + lean + rng.uniform(0.25, 0.5), rng.uniform(0.8, 0.98))]
    return path(curve(bowl), curve([*stem, *(tail if rng.random() < 0.92 else [])]))
