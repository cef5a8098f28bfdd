"""Marks that are no digit, as they are found in pictures: stripes and blotches of textures, outlined shapes, two digits as one.

Drawn for the detector of the run `handwriting` to learn from (`benchmarks.handwriting`), in other ways than the pictures that
measure it (`benchmarks.non_digits`).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.pen import SIZE, Map, Random, bent, curve, inked

UPRIGHT = 0.5  # of width to height: a 1 is narrower
Bytes = NDArray[np.uint8]


def mark(images: Bytes, labels: Bytes, rng: Random) -> Map:
    """One mark, `float32 (H, W)`, 0 paper, 1 ink; two digits are of `images` (N, 28, 28) with `labels` (N,)."""
    kind = rng.random()
    if kind < 0.45:
        return blotches(rng)
    if kind < 0.7:
        return outline(rng)
    return two_digits(images, labels, rng) if kind < 0.85 else winding(rng)


def blotches(rng: Random) -> Map:
    """Smooth noise, stretched and turned, above a threshold: one of the largest pieces, or all in a square or a circle.

    A piece like an upright bar would be a 1; then another is drawn.
    """
    noise = rng.normal(size=(2 * SIZE, 2 * SIZE))
    smooth = ndimage.gaussian_filter(noise, np.exp(rng.uniform(np.log(3), np.log(40), 2)))
    turned = ndimage.rotate(smooth, rng.uniform(0, 180), reshape=False, order=1, mode="reflect")
    field = turned[SIZE // 2 : -SIZE // 2, SIZE // 2 : -SIZE // 2]
    ink = field > np.quantile(field, rng.uniform(0.5, 0.9))
    if rng.random() < 0.6:
        labels, count = ndimage.label(ink)
        areas = ndimage.sum_labels(ink, labels, np.arange(1, count + 1))
        ink = labels == 1 + int(np.argsort(areas)[-min(count, int(rng.integers(1, 3)))])
        down, across = (np.ptp(places) + 1 for places in np.nonzero(ink))
        if across < UPRIGHT * down:
            return blotches(rng)
    elif rng.random() < 0.5:
        y, x = np.indices(ink.shape) - SIZE / 2
        ink = ink & (np.hypot(x, y) < rng.uniform(0.3, 0.5) * SIZE)
    return np.asarray(ndimage.gaussian_filter(ink.astype(np.float32), 0.7), dtype=np.float32)


def outline(rng: Random) -> Map:
    """A polygon of three to six corners, its sides straight or bowed inwards, outlined or filled, whole or with a gap."""
    corners = int(rng.choice([3, 4, 5, 6], p=[0.35, 0.35, 0.2, 0.1]))
    angles = 2 * np.pi * (np.arange(corners + 1) + rng.uniform()) / corners
    radii = np.exp(rng.normal(0, rng.choice([0.02, 0.25]), corners + 1))
    radii[-1] = radii[0]
    around = np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.7, 1.4)], axis=1) * radii[:, None]
    bow = rng.choice([0.0, 0.0, -0.15, -0.4])
    middles = (around[1:] + around[:-1]) / 2 * (1 + bow)
    sides = [curve(np.array(side)) for side in zip(around[:-1], middles, around[1:], strict=True)]
    if rng.random() < 0.2:
        return bent(_filled(np.vstack(sides)), rng)
    return bent(np.pad(inked(sides[1:] if rng.random() < 0.15 and corners > 3 else sides, rng), SIZE // 4), rng)


def _filled(points: NDArray[np.float64]) -> Map:
    page = Image.new("L", (2 * SIZE, 2 * SIZE))
    ImageDraw.Draw(page).polygon([(SIZE + 0.4 * SIZE * x, SIZE + 0.4 * SIZE * y) for x, y in points], fill=255)
    return np.asarray(page, dtype=np.float32) / np.float32(255)


def two_digits(images: Bytes, labels: Bytes, rng: Random) -> Map:
    """Two digits side by side that touch or nearly do; no 1 is among them, which beside a 3 would be an 8."""
    first, second = rng.choice(np.flatnonzero(labels != 1), 2)
    left, right = (image[:, image.any(axis=0)].astype(np.float32) / np.float32(255) for image in (images[first], images[second]))
    gap = int(rng.integers(-2, 3))
    pair = np.zeros((28, left.shape[1] + right.shape[1] + max(gap, 0)), dtype=np.float32)
    pair[:, : left.shape[1]] = left
    at = left.shape[1] + gap
    pair[:, at : at + right.shape[1]] = np.maximum(pair[:, at : at + right.shape[1]], right)
    return np.asarray(ndimage.zoom(pair, 3, order=1), dtype=np.float32)


def winding(rng: Random) -> Map:
    """A line that turns back and forth five to twelve times."""
    turns = int(rng.integers(5, 13))
    steps = rng.normal(size=(turns, 2)) * rng.uniform(0.6, 1, 2)
    return inked([curve(steps)], rng)
