"""Strokes and a pen: curves through points, the ways a hand deforms them, and the ink they leave."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Points = NDArray[np.float64]  # (n, 2): x to the right, y down
Random = np.random.Generator
Map = NDArray[np.float32]

SIZE = 150  # pixels: the side of a drawing


def curve(points: Sequence[Sequence[float]] | Points, steps: int = 14) -> Points:
    """A Catmull-Rom spline through the points."""
    p = np.asarray(points, dtype=np.float64)
    if len(p) < 3:
        return p
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.vstack([*parts, p[-2:-1]])


def arc(x: float, y: float, width: float, height: float, start: float, stop: float) -> Points:
    """Twelve points of an ellipse; degrees count from the right, downwards."""
    angles = np.deg2rad(np.linspace(start, stop, 12))
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], axis=1)


def path(*parts: Sequence[Sequence[float]] | Points) -> Points:
    """Parts drawn without lifting the pen."""
    return np.vstack([np.asarray(part, dtype=np.float64) for part in parts])


def stretch(rng: Random) -> float:
    """By how much to widen a digit: mostly little, now and then as much as where a picture was cut to its ink and made square."""
    return float(np.clip(np.exp(rng.normal(0, 0.35)), 0.6, 1.9)) if rng.random() < 0.3 else rng.uniform(0.75, 1.25)


def deformed(strokes: Sequence[Points], rng: Random) -> list[Points]:
    """The strokes stretched, slanted, turned and bent."""
    width, slant, turn = stretch(rng), rng.normal(0, 0.17), np.deg2rad(rng.normal(0, 7))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    affine = rotation @ np.array([[width, -slant], [0, 1]])
    frequency, phase, strength = rng.uniform(0.6, 1.6, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 2)), rng.normal(0, 0.018, (3, 2))
    moved = [(stroke - 0.5) @ affine.T for stroke in strokes]
    waves = list(zip(strength, frequency, phase, strict=True))
    return [m + sum(s * np.sin(2 * np.pi * f * m[:, ::-1] + p) for s, f, p in waves) for m in moved]


def inked(strokes: Sequence[Points], rng: Random) -> Map:
    """The strokes drawn with a round pen of random width: `float32 (SIZE, SIZE)`, 0 paper, 1 ink."""
    points = np.vstack(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    scale = 0.8 * SIZE / extent.max()
    pen = 0.8 * SIZE * float(np.clip(np.exp(rng.normal(np.log(0.085), 0.45)), 0.03, 0.2))
    image = Image.new("L", (2 * SIZE, 2 * SIZE))
    canvas, margin = ImageDraw.Draw(image), (SIZE - extent * scale) / 2
    for stroke in strokes:
        dots = [(float(x), float(y)) for x, y in 2 * ((stroke - low) * scale + margin)]
        canvas.line(dots, fill=255, width=max(1, round(2 * pen)))
        for x, y in dots:
            canvas.ellipse((x - pen, y - pen, x + pen, y + pen), fill=255)
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.float32) / np.float32(255)


def worn(ink: Map, rng: Random) -> Map:
    """Ink with gaps, as of a pen running dry."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, ink.shape), rng.uniform(1, 3))
    return np.where(noise > rng.uniform(1.4, 2.6) * noise.std(), np.float32(0), ink)


def cut_off(ink: Map, rng: Random) -> Map:
    """A strip of one side missing, as where a picture ends within the digit."""
    strip = round(rng.uniform(0.1, 0.18) * SIZE)
    return (ink[strip:], ink[:-strip], ink[:, strip:], ink[:, :-strip])[rng.integers(4)]


def bitmap(ink: Map, rng: Random) -> Map:
    """Ink as a small picture of 16 to 48 pixels, blurred, or in black and white: strokes break, holes fill, specks appear."""
    scale = np.exp(rng.uniform(np.log(16), np.log(48))) / max(ink.shape)
    size = max(4, round(ink.shape[1] * scale)), max(4, round(ink.shape[0] * scale))
    shrink = Image.Resampling.NEAREST if rng.random() < 0.1 else Image.Resampling.BOX
    small = np.array(Image.fromarray(ink).resize(size, shrink), dtype=np.float32)
    if rng.random() < 0.4:
        blurred = ndimage.gaussian_filter(np.pad(small, 2), rng.uniform(0, 0.05) * min(*size, 28))
        return np.asarray(blurred / max(float(blurred.max()), 0.3), dtype=np.float32)
    uneven = small + rng.normal(0, 0.12, small.shape)
    made = np.asarray(uneven > rng.uniform(0.25, 0.75), dtype=np.float32)
    made = made if made.sum() > 0.4 * small.sum() else small
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 4)):
            made[rng.integers(made.shape[0]), rng.integers(made.shape[1])] = 1
    return made


def bent(ink: Map, rng: Random) -> Map:
    """Ink through the affine map and the waves of `deformed`, cut to its box with a margin."""
    width, slant, turn = stretch(rng), rng.normal(0, 0.15), np.deg2rad(rng.normal(0, 7))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    affine = rotation @ np.array([[1, 0], [slant, 1 / width]])  # rows first, from the result to the ink
    middle = np.array(ink.shape)[:, None, None] / 2
    places = np.tensordot(affine, np.indices(ink.shape, dtype=np.float32) - middle, axes=1) + middle
    extent = np.ptp(np.argwhere(ink > 0.5), axis=0).max()
    for strength, frequency, phase in zip(
        rng.normal(0, 0.018, (3, 2)), rng.uniform(0.6, 1.6, (3, 2)), rng.uniform(0, 6.3, (3, 2)), strict=True
    ):
        ways = (frequency * (places[::-1] - middle).transpose(1, 2, 0) / extent * 2 * np.pi + phase).transpose(2, 0, 1)
        places = places + (extent * strength)[:, None, None] * np.sin(ways)
    moved = np.asarray(ndimage.map_coordinates(ink, places, order=1), dtype=np.float32)
    rows, columns = np.flatnonzero((moved > 0.02).any(axis=1)), np.flatnonzero((moved > 0.02).any(axis=0))
    return np.pad(moved[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 3)
