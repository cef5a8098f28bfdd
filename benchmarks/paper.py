"""Paper, pen, light and camera: what pictures such as people bring are made of."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Image28 = NDArray[np.uint8]
Map = NDArray[np.float32]

Colour = tuple[float, float, float]


def ink_map(
    image: Image28,
    rng: np.random.Generator,
    *,
    canvas: tuple[int, int] = (280, 280),
    field: float = 240,
    angle: float = 0.0,
    widen: float = 0.0,
    crisp: float = 3.0,
) -> Map:
    """The digit on a canvas (height, width) somewhere, its 28 x 28 field `field` pixels long: `float32 (H, W)`, 0 paper, 1 ink.

    `widen` is in pixels of the 28 x 28 image, `angle` in degrees; `crisp` 1 leaves the edges as blurred as enlarging makes them.
    """
    side = max(8, round(field))
    large = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    if angle:
        large = ndimage.rotate(np.pad(large, side // 5), angle, reshape=False, order=1)
    if widen:
        inside = large > 0.5
        depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
        large = np.clip(depth + widen * side / 28 / 2 + 0.5, 0, 1)
    elif side > 56:
        large = np.clip((large - 0.5) * crisp + 0.5, 0, 1)
    return _placed(large.astype(np.float32), rng, canvas)


def _placed(ink: Map, rng: np.random.Generator, canvas: tuple[int, int]) -> Map:
    """The ink, cut to its bounding box, anywhere on the canvas, with a margin of at least 3 %."""
    rows, columns = np.flatnonzero((ink > 0.02).any(axis=1)), np.flatnonzero((ink > 0.02).any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    margin = max(1, round(0.03 * min(canvas)))
    height, width = (max(a, b + 2 * margin) for a, b in zip(canvas, ink.shape, strict=True))
    page = np.zeros((height, width), dtype=np.float32)
    top, left = (int(rng.integers(margin, n - k - margin + 1)) for n, k in zip(page.shape, ink.shape, strict=True))
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


def painted(ink: Map, paper: Colour, pen: Colour) -> Map:
    """`float32 (H, W, 3)`: pen where there is ink, paper elsewhere."""
    return np.asarray(np.array(paper) * (1 - ink[..., None]) + np.array(pen) * ink[..., None], dtype=np.float32)


def saved(pixels: NDArray[Any], form: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """The pixels as the bytes of a file."""
    image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    file = BytesIO()
    (image if mode is None else image.convert(mode)).save(file, form, **options)
    return file.getvalue()


def lit(shape: tuple[int, ...], rng: np.random.Generator, *, shadow: bool) -> Map:
    """Uneven light, `float32 (H, W)` in (0, 1]: a slope, darker corners and, if asked for, the edge of a shadow."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape[:2]), indexing="ij")
    turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.3)
    light = 1 - strength * (1 + x * np.cos(turn) + y * np.sin(turn)) / 2 - rng.uniform(0, 0.25) * (x * x + y * y) / 2
    if shadow:
        turn, where, soft = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6), rng.uniform(0.02, 0.3)
        edge = 1 / (1 + np.exp(-np.clip((x * np.cos(turn) + y * np.sin(turn) - where) / soft * 4, -30, 30)))
        light = light * (1 - rng.uniform(0.2, 0.55) * edge)
    return np.asarray(light, dtype=np.float32)


def ruled(shape: tuple[int, ...], rng: np.random.Generator, *, grid: bool) -> Map:
    """Ruled lines, or squares, slightly turned: `float32 (H, W)`, 1 on a line."""
    y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape[:2]), indexing="ij")
    turn, spacing = np.deg2rad(rng.uniform(-4, 4)), rng.uniform(0.08, 0.25) * min(shape[:2])
    width = max(1.0, rng.uniform(0.003, 0.008) * min(shape[:2]))
    lines = np.zeros(shape[:2], dtype=np.float32)
    for along in (0, 1) if grid else (0,):
        across = (y * np.cos(turn) - x * np.sin(turn)) if along == 0 else (x * np.cos(turn) + y * np.sin(turn))
        away = np.abs((across + rng.uniform(0, spacing)) % spacing - spacing / 2)
        lines = np.maximum(lines, np.clip(width / 2 + 0.5 - away, 0, 1))
    return lines


def photographed(pixels: Map, rng: np.random.Generator, *, shadow: bool = True, quality: int | None = None) -> bytes:
    """A phone's photo: uneven light, blur, noise, JPEG."""
    pixels = pixels * lit(pixels.shape, rng, shadow=shadow)[..., None]
    blur = rng.uniform(0.3, 0.003 * max(pixels.shape))
    blurred = ndimage.gaussian_filter(pixels, (blur, blur, 0))
    return saved(blurred + rng.normal(0, rng.uniform(1, 6), pixels.shape), "JPEG", quality=quality or int(rng.integers(50, 95)))


def light_colour(rng: np.random.Generator) -> Colour:
    """Paper."""
    base = rng.uniform(190, 250)
    return tuple(float(v) for v in np.clip(base + rng.uniform(-18, 18, 3), 0, 255))  # type: ignore[return-value]


def dark_colour(rng: np.random.Generator) -> Colour:
    """Ink of a pen: black, blue, red, green or violet."""
    pens = ((25, 25, 30), (30, 45, 140), (190, 35, 40), (20, 110, 50), (95, 30, 130))
    return tuple(float(v) for v in np.clip(np.array(pens[rng.integers(len(pens))]) + rng.uniform(-15, 25, 3), 0, 255))  # type: ignore[return-value]
