"""From a person's picture to MNIST images: the whole way, every step kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softreg.errors import PictureError
from softreg.image_format import SIDE
from softreg.imaging.components import Component, crop
from softreg.imaging.decode import Source, Upright, decode, printable
from softreg.imaging.ink import Grey, find_ink
from softreg.imaging.lines import without_lines
from softreg.imaging.normalization import NormalizedDigit, mnist_bounds, normalize
from softreg.imaging.segmentation import find_digits
from softreg.messages import translate

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of the way: `key` of its title in the word table, and an array to show, `uint8 (H, W)` or `(H, W, 3)`."""

    key: str
    array: Bytes

    @property
    def title(self) -> str:
        """The stage's name in the language spoken."""
        return translate(self.key)


@dataclass(frozen=True, eq=False)
class Digit:
    """A digit found in a picture.

    Attributes
    ----------
    image
        `uint8 (28, 28)`, bright ink on black, as MNIST's.
    box
        `(x, y, width, height)` in pixels of the upright picture.
    affine
        `float64 (2, 3)`: takes `(x, y, 1)` in the image to `(x, y)` in the upright picture. Pixel `i` reaches from `i` to `i + 1`.
    strokes
        How many separate pieces of ink it is made of; MNIST's are 1 in 97 % of cases.
    stroke_width
        Before it was changed, in pixels of the image; 1.9 to 3.6 in most of MNIST.
    ink
        The share of its box that is ink.
    """

    image: Bytes
    box: tuple[float, float, float, float]
    affine: NDArray[np.float64]
    strokes: int
    stroke_width: float
    ink: float


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture read: its digits in reading order and how they were found.

    Attributes
    ----------
    size
        Width and height of the upright picture, in its own pixels.
    notes
        Sentences about what was done on the way.
    reason
        If there are no digits, the key of the word table that says why; else None.
    """

    name: str
    size: tuple[int, int]
    notes: tuple[str, ...]
    stages: tuple[Stage, ...]
    digits: tuple[Digit, ...]
    reason: str | None


def read_picture(source: Source, *, name: str | None = None) -> Picture:
    """Find the digits in a picture.

    Parameters
    ----------
    source
        A path, the bytes of a file, or a file opened for reading bytes.
    name
        What to call the picture; by default its path.

    Raises
    ------
    PictureError
        If it is not a picture that can be read: one line that says what, where and what to do.
    """
    return _read(decode(source, name))


def picture_from_array(array: NDArray[np.uint8], *, name: str = "drawing") -> Picture:
    """Find the digits in pixels, `uint8 (H, W)` or `(H, W, 3)`: a drawing, say, or an MNIST image.

    Raises
    ------
    PictureError
        If the array is none of these.
    """
    name = printable(name)
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or (array.ndim == 3 and array.shape[2] == 3)) or min(array.shape[:2]) < 4:
        raise PictureError("pictures.bad_array", name=name, shape=array.shape, dtype=array.dtype)
    if array.shape[0] * array.shape[1] > 1280 * 1280:
        raise PictureError("pictures.bad_array", name=name, shape=array.shape, dtype=array.dtype)
    pixels = (np.repeat(array[:, :, None], 3, axis=2) if grey else array).astype(np.float32)
    return _read(Upright(name, pixels, (array.shape[1], array.shape[0]), ()))


def _read(upright: Upright) -> Picture:
    already = _already_an_image(upright)
    if already is not None:
        return already
    stages = [Stage("pictures.stage_upright", upright.pixels.round().astype(np.uint8))]
    ink = find_ink(upright.pixels)
    if ink is None:
        return _nothing(upright, stages, "blank")
    stages.append(Stage("pictures.stage_paper", ink.evened))
    density, lined = without_lines(ink.density)
    stages.append(Stage("pictures.stage_ink", shown(255 * (1 - density))))
    found = find_digits(density)
    if found.reason is not None:
        return _nothing(upright, stages, found.reason)
    digits, changes = [], []
    for mark in found.marks:
        ink_of_one, top, left = crop(mark, density, found.labels)
        fitted = normalize(ink_of_one)
        digits.append(_digit(mark, fitted, (top, left), density, upright))
        changes.append(fitted.change)
    stages.append(Stage("pictures.stage_found", _boxes_drawn(density, found.marks)))
    stages.append(Stage("pictures.stage_image", np.hstack([digit.image for digit in digits])))
    notes = upright.notes + _notes(lined=lined, thickened=max(changes) > 0.1, thinned=min(changes) < -0.1)
    return Picture(upright.name, upright.size, notes, tuple(stages), tuple(digits), None)


def _nothing(upright: Upright, stages: list[Stage], reason: str) -> Picture:
    return Picture(upright.name, upright.size, upright.notes, tuple(stages), (), f"pictures.{reason}")


def _already_an_image(upright: Upright) -> Picture | None:
    """The picture as it is, if it is an MNIST image, or a negative of one."""
    if upright.size != (SIDE, SIDE) or np.ptp(upright.pixels, axis=2).any():
        return None
    grey = np.rint(upright.pixels[..., 0]).astype(np.uint8)
    for image, key in ((grey, "unchanged"), (255 - grey, "unchanged_inverted")):
        picture = mnist_picture(upright.name, image, grey, (*upright.notes, translate(f"pictures.{key}")))
        if picture is not None:
            return picture
    return None


def mnist_picture(name: str, image: Bytes, upright: Bytes, notes: tuple[str, ...]) -> Picture | None:
    """A picture that is an image in MNIST's form already, so that its digit need not be found; None of any other image.

    Parameters
    ----------
    image : uint8 (28, 28), bright ink on black
    upright : the picture's own pixels: `image` or its negative
    """
    ink_bounds = mnist_bounds(image)
    if ink_bounds is None:
        return None
    top, left, bottom, right = ink_bounds
    box = (float(left), float(top), float(right - left), float(bottom - top))
    digit = Digit(image, box, np.eye(2, 3), 1, float("nan"), float((image > 127).sum()) / (box[2] * box[3]))
    stages = (Stage("pictures.stage_upright", upright), Stage("pictures.stage_image", image))
    return Picture(name, (SIDE, SIDE), notes, stages, (digit,), None)


def _digit(mark: Component, fitted: NormalizedDigit, corner: tuple[int, int], density: Grey, upright: Upright) -> Digit:
    """A digit in the picture's own pixels: `corner` is where its ink begins in the ink map, `(row, column)`."""
    sx, sy = upright.size[0] / density.shape[1], upright.size[1] / density.shape[0]
    to_picture = np.array([[sx, 0, corner[1] * sx], [0, sy, corner[0] * sy]])
    affine = to_picture @ np.vstack([fitted.affine, [0, 0, 1]])
    box = (mark.left * sx, mark.top * sy, mark.width * sx, mark.height * sy)
    share = mark.area / (mark.width * mark.height)
    return Digit(fitted.image, box, affine, len(mark.labels), fitted.stroke_width, share)


def _notes(*, lined: bool, thickened: bool, thinned: bool) -> tuple[str, ...]:
    keys = (("lines_removed", lined), ("thickened", thickened), ("thinned", thinned))
    return tuple(translate(f"pictures.{key}") for key, done in keys if done)


def shown(values: Grey) -> Bytes:
    """Values in [0, 255] as bytes to show."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _boxes_drawn(density: Grey, marks: tuple[Component, ...]) -> Bytes:
    """The ink map with a box around each digit, `uint8 (H, W, 3)`."""
    drawn = np.repeat(shown(255 * (1 - density))[:, :, None], 3, axis=2)
    line = max(1, max(density.shape) // 200)
    for mark in marks:
        top, left = max(mark.top - 2 * line, 0), max(mark.left - 2 * line, 0)
        bottom, right = mark.bottom + 2 * line, mark.right + 2 * line
        for edge in (
            np.s_[top : top + line, left:right],
            np.s_[bottom - line : bottom, left:right],
            np.s_[top:bottom, left : left + line],
            np.s_[top:bottom, right - line : right],
        ):
            drawn[edge] = (220, 60, 40)
    return drawn
