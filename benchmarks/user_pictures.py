"""MNIST images made into pictures such as people bring: files in memory, one kind of change each.

Every kind is a function of an image `uint8 (28, 28)`, bright on black, and a random generator, and returns the bytes of a file.
Used by `benchmarks/pictures.py` and, in small samples, by the tests.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.paper import Image28, Map, dark_colour, ink_map, light_colour, lit, painted, photographed, ruled, saved

Kind = Callable[[Image28, np.random.Generator], bytes]


def _any_ink(image: Image28, rng: np.random.Generator, side: int = 280) -> Map:
    return ink_map(image, rng, canvas=(side, side), field=side * rng.uniform(0.45, 1.1), angle=rng.uniform(-8, 8))


def canvas(image: Image28, rng: np.random.Generator) -> bytes:
    """A drawing, white on black, in the middle or not."""
    return saved(255 * _any_ink(image, rng))


def off_centre(image: Image28, rng: np.random.Generator) -> bytes:
    """A small digit somewhere on a large canvas."""
    return saved(255 * ink_map(image, rng, canvas=(600, 800), field=rng.uniform(60, 250)))


def scaled(image: Image28, rng: np.random.Generator) -> bytes:
    """28 x 28 scaled by 0.3 to 3, on a canvas a little larger."""
    field = 28 * 10 ** rng.uniform(np.log10(0.3), np.log10(3))
    side = round(field * rng.uniform(1.0, 2.0))
    return saved(255 * ink_map(image, rng, canvas=(side, side), field=field, crisp=1))


def rotated(image: Image28, rng: np.random.Generator) -> bytes:
    """Turned by up to 15 degrees."""
    return saved(255 * ink_map(image, rng, field=rng.uniform(150, 300), angle=rng.uniform(-15, 15)))


def thin(image: Image28, rng: np.random.Generator) -> bytes:
    """Strokes half a pixel to a pixel and a half thinner, as with a fine pen."""
    return saved(255 - 255 * ink_map(image, rng, canvas=(400, 400), field=360, widen=-rng.uniform(0.5, 1.2)))


def thick(image: Image28, rng: np.random.Generator) -> bytes:
    """Strokes one to two pixels thicker, as with a marker."""
    return saved(255 - 255 * ink_map(image, rng, canvas=(400, 400), field=340, widen=rng.uniform(1.0, 2.0)))


def dark_on_light(image: Image28, rng: np.random.Generator) -> bytes:
    """Grey on lighter grey."""
    paper = rng.uniform(150, 255)
    return saved(paper - (paper - rng.uniform(0, paper - 70)) * _any_ink(image, rng))


def light_on_dark(image: Image28, rng: np.random.Generator) -> bytes:
    """Grey on darker grey."""
    paper = rng.uniform(0, 110)
    return saved(paper + (rng.uniform(paper + 70, 255) - paper) * _any_ink(image, rng))


def lined(image: Image28, rng: np.random.Generator) -> bytes:
    """On ruled paper."""
    ink = _any_ink(image, rng, 480)
    paper = painted(ruled(ink.shape, rng, grid=False), light_colour(rng), (120.0, 140.0, rng.uniform(140, 220)))
    return saved(paper * (1 - ink[..., None]) + np.array(dark_colour(rng)) * ink[..., None], "JPEG", quality=85)


def squared(image: Image28, rng: np.random.Generator) -> bytes:
    """On squared paper."""
    ink = _any_ink(image, rng, 480)
    paper = painted(ruled(ink.shape, rng, grid=True), light_colour(rng), (130.0, 150.0, rng.uniform(150, 220)))
    return saved(paper * (1 - ink[..., None]) + np.array(dark_colour(rng)) * ink[..., None], "JPEG", quality=85)


def shadowed(image: Image28, rng: np.random.Generator) -> bytes:
    """Half in the shadow of a hand."""
    ink = _any_ink(image, rng, 400)
    return saved(painted(ink, light_colour(rng), dark_colour(rng)) * lit(ink.shape, rng, shadow=True)[..., None])


def jpeg(image: Image28, rng: np.random.Generator) -> bytes:
    """Saved as JPEG of low quality."""
    return saved(255 - 255 * _any_ink(image, rng, 160), "JPEG", quality=int(rng.integers(8, 35)))


def noisy(image: Image28, rng: np.random.Generator) -> bytes:
    """With the grain of a dim photo."""
    ink = _any_ink(image, rng, 200)
    return saved(225 - 180 * ink + rng.normal(0, rng.uniform(8, 30), ink.shape))


def transparent(image: Image28, rng: np.random.Generator) -> bytes:
    """Ink on nothing: the colour in RGB, the digit in alpha."""
    ink = _any_ink(image, rng)
    pen = rng.uniform(0, 90, 3) if rng.random() < 0.5 else rng.uniform(180, 255, 3)
    return saved(np.dstack([np.ones_like(ink) * value for value in pen] + [255 * ink]))


def exif(image: Image28, rng: np.random.Generator) -> bytes:
    """Stored turned, with the EXIF orientation that makes it upright."""
    orientation = int(rng.integers(2, 9))
    undo = {2: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6}[orientation]
    transposes = (
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.ROTATE_180,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_270,
    )
    page = Image.fromarray((255 - 255 * ink_map(image, rng, canvas=(300, 420))).astype(np.uint8))
    tags, file = Image.Exif(), BytesIO()
    tags[0x0112] = orientation
    page.transpose(transposes[undo]).save(file, "JPEG", quality=90, exif=tags)
    return file.getvalue()


def coloured(image: Image28, rng: np.random.Generator) -> bytes:
    """Any colour on any other far enough from it."""
    while True:
        paper, pen = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        if np.abs(paper - pen).max() > 110:
            return saved(painted(_any_ink(image, rng), tuple(paper), tuple(pen)))


def deep(image: Image28, rng: np.random.Generator) -> bytes:
    """16 bits per pixel."""
    ink, file = _any_ink(image, rng), BytesIO()
    low, high = rng.uniform(0, 20000), rng.uniform(30000, 65535)
    values = (high - (high - low) * ink) if rng.random() < 0.5 else (low + (high - low) * ink)
    Image.fromarray(values.astype(np.uint16)).save(file, "TIFF" if rng.random() < 0.5 else "PNG")
    return file.getvalue()


def few_colours(image: Image28, rng: np.random.Generator) -> bytes:
    """A palette, black and white only, or CMYK."""
    page = painted(_any_ink(image, rng), light_colour(rng), dark_colour(rng))
    form, mode = (("GIF", "P"), ("PNG", "P"), ("BMP", "1"), ("TIFF", "CMYK"), ("WEBP", "RGB"))[rng.integers(5)]
    return saved(page, form, mode)


def pencil(image: Image28, rng: np.random.Generator) -> bytes:
    """Faint, thin and uneven, photographed."""
    ink = ink_map(image, rng, canvas=(480, 640), field=rng.uniform(200, 450), widen=-rng.uniform(0.2, 0.8))
    grain = ndimage.gaussian_filter(rng.normal(0, 1, ink.shape), 1.5)
    ink = ink * np.clip(0.8 + 0.5 * grain, 0.45, 1).astype(np.float32)
    grey = rng.uniform(90, 150)
    return photographed(painted(ink, light_colour(rng), (grey, grey, grey)), rng, shadow=False)


def chalk(image: Image28, rng: np.random.Generator) -> bytes:
    """Chalk on a board, smeared, photographed."""
    ink = ink_map(image, rng, canvas=(480, 640), field=rng.uniform(200, 450), angle=rng.uniform(-8, 8))
    ink = ink * np.clip(0.85 + 0.6 * ndimage.gaussian_filter(rng.normal(0, 1, ink.shape), 1.2), 0.4, 1).astype(np.float32)
    smear = 18 * ndimage.gaussian_filter(rng.normal(0, 1, ink.shape), 25) * 25
    page = painted(ink, (40.0, rng.uniform(45, 80), 50.0), (225.0, 225.0, 215.0)) + np.clip(smear, -12, 25)[..., None]
    return photographed(page.astype(np.float32), rng, shadow=False)


def framed(image: Image28, rng: np.random.Generator) -> bytes:
    """A screenshot of a drawing field with its border."""
    ink = _any_ink(image, rng, 260)
    page = np.pad(255 - 255 * ink, 3, constant_values=rng.uniform(0, 150))
    return saved(np.pad(page, int(rng.integers(0, 25)), constant_values=rng.uniform(235, 255)))


def photo(image: Image28, rng: np.random.Generator) -> bytes:
    """A phone's photo of pen on paper, ruled, squared or plain, in shadow."""
    field = rng.uniform(180, 700)
    ink = ink_map(image, rng, canvas=(750, 1000), field=field, angle=rng.uniform(-10, 10), widen=rng.uniform(-0.6, 0.8))
    paper = np.broadcast_to(np.array(light_colour(rng)), (*ink.shape, 3))
    if rng.random() < 0.6:
        lines = ruled(ink.shape, rng, grid=rng.random() < 0.4)[..., None]
        paper = paper * (1 - lines) + np.array([130.0, 150.0, rng.uniform(150, 220)]) * lines
    page = paper * (1 - ink[..., None]) + np.array(dark_colour(rng)) * ink[..., None]
    return photographed(page.astype(np.float32), rng)


def untouched(image: Image28, rng: np.random.Generator) -> bytes:
    """MNIST's own image as a PNG."""
    return saved(image)


KINDS: tuple[Kind, ...] = (
    untouched, canvas, off_centre, scaled, rotated, thin, thick, dark_on_light, light_on_dark, lined, squared, shadowed, jpeg,
    noisy, transparent, exif, coloured, deep, few_colours, pencil, chalk, framed, photo,
)  # fmt: skip


def in_a_row(images: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """Several digits side by side, `uint8 (N, 28, 28)`, as a postal code: sizes, heights and gaps vary a little."""
    maps = [ink_map(image, rng, canvas=(1, 1), field=rng.uniform(90, 120), angle=rng.uniform(-6, 6)) for image in images]
    gaps = rng.integers(6, 30, len(maps) + 1)
    page = np.zeros((200, sum(m.shape[1] for m in maps) + int(gaps.sum())), dtype=np.float32)
    left = int(gaps[0])
    for ink, gap in zip(maps, gaps[1:], strict=True):
        top = int(np.clip(100 - ink.shape[0] // 2 + rng.integers(-15, 16), 0, 200 - ink.shape[0]))
        page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        left += ink.shape[1] + int(gap)
    return saved(painted(page, light_colour(rng), dark_colour(rng)), "JPEG", quality=85)
