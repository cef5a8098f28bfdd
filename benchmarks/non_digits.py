"""Pictures that show no digit, drawn at random from a seed: letters, scribbles, shapes, textures, noise; and pieces of photos.

Used by `benchmarks/abstention.py` to see how often `softreg.model.out_of_distribution` says so. The detector is
fitted on `softreg.data.synthetic_outliers`, never on these pictures; but some of those outliers, too, are scribbles, polygons and
crossing strokes, drawn in another way (AKIN). The other kinds are new to it, but for branching strokes, which letters have.
"""

from collections.abc import Callable

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

Picture = NDArray[np.uint8]  # (H, W), dark on light
Kind = Callable[[np.random.Generator], Picture]

SIDE = 224
LETTERS = "AEFHKMNRWXaekmwxhRKdpHy"  # those that no digit looks like, however written
FACES = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", (SIDE, SIDE), 255)
    return page, ImageDraw.Draw(page)


def _by_hand(page: Image.Image, rng: np.random.Generator) -> Picture:
    """What a hand would do to it: turned, slanted, stretched, and a little wavy."""
    ink = 255 - np.asarray(page, dtype=np.float32)
    angle, slant, stretch = rng.uniform(-0.2, 0.2), rng.uniform(-0.3, 0.3), rng.uniform(0.8, 1.25)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ [[stretch, 0], [slant, 1]]
    middle = np.array([SIDE / 2, SIDE / 2])
    wave = [ndimage.gaussian_filter(rng.normal(size=ink.shape), 14) * 14 * 14 * rng.uniform(0.5, 2.0) for _ in range(2)]
    places = np.indices(ink.shape, dtype=np.float32)
    moved = np.tensordot(matrix, places - middle[:, None, None], axes=1) + middle[:, None, None] + np.stack(wave)
    return np.asarray((255 - ndimage.map_coordinates(ink, moved, order=1)).clip(0, 255), dtype=np.uint8)


def letter(rng: np.random.Generator) -> Picture:
    """A letter that resembles no digit, as a hand might write it."""
    page, draw = _canvas()
    face = font_manager.findfont(str(rng.choice(FACES)))
    font = ImageFont.truetype(face, int(rng.integers(110, 160)))
    stroke = int(rng.integers(0, 4))
    draw.text((SIDE / 2, SIDE / 2), str(rng.choice(list(LETTERS))), 0, font, anchor="mm", stroke_width=stroke)
    return _by_hand(page, rng)


def scribble(rng: np.random.Generator) -> Picture:
    """A pen that wanders back and forth."""
    page, draw = _canvas()
    steps = rng.normal(size=(int(rng.integers(25, 60)), 2)).cumsum(axis=0) * 18
    points = ndimage.gaussian_filter1d(steps, 0.8, axis=0)
    points = (points - points.mean(axis=0)) * min(1.0, 85 / np.abs(points - points.mean(axis=0)).max()) + SIDE / 2
    draw.line([tuple(point) for point in points], 0, int(rng.integers(5, 12)), joint="curve")
    return np.asarray(page)


def shape(rng: np.random.Generator) -> Picture:
    """A square, triangle, star, cross, heart-like blob, or many-sided figure; outlined or filled."""
    page, draw = _canvas()
    width, radius, turn = int(rng.integers(5, 14)), rng.uniform(50, 85), rng.uniform(0, 2 * np.pi)
    corners = int(rng.choice([3, 4, 5, 6]))
    inner = rng.choice([1.0, 0.4])
    around = turn + np.arange(2 * corners) * np.pi / corners
    radii = np.where(np.arange(2 * corners) % 2, radius * inner * (np.cos(np.pi / corners) if inner == 1 else 1), radius)
    outline = [(SIDE / 2 + r * np.cos(a), SIDE / 2 + r * np.sin(a)) for r, a in zip(radii, around, strict=True)]
    if rng.random() < 0.4:
        draw.polygon(outline, fill=0)
    else:
        draw.line([*outline, outline[0], outline[1]], 0, width, joint="curve")
    return _by_hand(page, rng)


def hash_marks(rng: np.random.Generator) -> Picture:
    """A grid of strokes: #, =, +, * and the like."""
    page, draw = _canvas()
    width = int(rng.integers(5, 12))
    for across in (False, True):
        for place in rng.uniform(60, 164, int(rng.integers(1, 4))):
            line = [(50, place), (174, place)] if across else [(place, 50), (place, 174)]
            draw.line(line, 0, width)
    return _by_hand(page, rng)


def hangul(rng: np.random.Generator) -> Picture:
    """Three stacked strokes such as syllables and symbols have: drawn of lines and a ring, since no font is asked for."""
    page, draw = _canvas()
    width = int(rng.integers(5, 11))
    x, y = rng.uniform(55, 80), rng.uniform(50, 70)
    draw.line([(x, y), (x + 55, y), (x + 50, y + 45)], 0, width, joint="curve")
    draw.line([(x + 85, y - 10), (x + 85, y + 60)], 0, width)
    draw.line([(x + 85, y + 22), (x + 108, y + 22)], 0, width)
    draw.ellipse([x + 20, y + 68, x + 75, y + 115], outline=0, width=width)
    return _by_hand(page, rng)


def noise(rng: np.random.Generator) -> Picture:
    """Grains, fine or coarse."""
    grains = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(0, 6))
    return np.asarray((127 + 60 * grains / grains.std()).clip(0, 255), dtype=np.uint8)


def texture(rng: np.random.Generator) -> Picture:
    """Stripes and waves, as of cloth or a screen."""
    y, x = np.indices((SIDE, SIDE)) / SIDE
    waves = sum(np.sin(2 * np.pi * (rng.uniform(-9, 9) * x + rng.uniform(-9, 9) * y) + rng.uniform(0, 7)) for _ in range(3))
    return np.asarray((127 + 42 * waves).clip(0, 255), dtype=np.uint8)


def photo(rng: np.random.Generator) -> Picture:
    """A piece of a photograph (a temple, a flower: scikit-learn's samples)."""
    from sklearn.datasets import load_sample_image

    image = load_sample_image(str(rng.choice(["china.jpg", "flower.jpg"])))
    side = int(rng.integers(120, 420))
    top, left = (int(rng.integers(0, n - side)) for n in image.shape[:2])
    return np.asarray(Image.fromarray(image[top : top + side, left : left + side]).convert("L"))


def blank(rng: np.random.Generator) -> Picture:
    """Paper, a little uneven, and nothing on it."""
    light = np.linspace(rng.uniform(150, 255), rng.uniform(150, 255), SIDE)[None, :] + rng.normal(size=(SIDE, SIDE)) * 3
    return np.broadcast_to(light, (SIDE, SIDE)).clip(0, 255).astype(np.uint8)


KINDS: dict[str, Kind] = {
    "letter": letter,
    "scribble": scribble,
    "shape": shape,
    "hash marks": hash_marks,
    "hangul": hangul,
    "noise": noise,
    "texture": texture,
    "photo": photo,
    "blank": blank,
}

AKIN = {"scribble", "shape", "hash marks"}  # kinds that some synthetic outliers resemble
