"""From a person's picture to MNIST images: the whole way, every step kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from softreg.errors import PictureError
from softreg.image_format import SIDE
from softreg.imaging.annotation import Bytes, boxes_drawn, shown
from softreg.imaging.components import Component
from softreg.imaging.decode import WORKING_SIDE, Source, Upright, decode, printable
from softreg.imaging.ground import is_inverted
from softreg.imaging.halftone import without_dots
from softreg.imaging.ink import Ink, find_ink
from softreg.imaging.layout import Layout, Lines, layouts
from softreg.imaging.normalization import mnist_bounds
from softreg.imaging.resampling import resampled, resized_whole
from softreg.messages import translate

COARSE_SIDE = 480  # pixels: enough for pictures of a few digits
MIN_LENGTH, AIM = 64, 72  # pixels: if the digits are smaller, the picture is read at a size at which they are this large


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of the way: the message key of its title, and an array to show, `uint8 (H, W)` or `(H, W, 3)`."""

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
        Before it was changed, in pixels of the image; 1.7 to 4.5 in most of MNIST.
    ink
        The share of its box that is ink.
    """

    image: Bytes
    box: tuple[float, float, float, float]
    affine: NDArray[np.float64]
    strokes: int
    stroke_width: float
    ink: float


class Layouts:
    """The ways to see one picture, made when they are first asked for, and kept; and the notes and stages they have in common."""

    def __init__(self, ink: Ink, upright: Upright) -> None:
        self.notes = upright.notes
        self.stages = (upright_stage(upright), Stage("pictures.stage_paper", ink.evened))
        self._made: list[Layout] = []
        self._more = layouts(ink)

    def __iter__(self) -> Iterator[Layout]:
        yield from self._made
        for layout in self._more:
            self._made.append(layout)
            yield layout


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
        If there are no digits, the key of the message that says why; else None.
    lines
        How many of the digits each line of text has; empty where there is one line.
    layouts
        Alternative segmentations of the picture, of which `digits` is one; None for an image in MNIST's form.
    """

    name: str
    size: tuple[int, int]
    notes: tuple[str, ...]
    stages: tuple[Stage, ...]
    digits: tuple[Digit, ...]
    reason: str | None
    lines: tuple[int, ...] = ()
    layouts: Layouts | None = None

    def seen_as(self, layout: Layout, lines: Lines) -> "Picture":
        """The same picture with these digits of one of its layouts, which it must have."""
        assert self.layouts is not None
        components = tuple(chain(*lines))
        stages = [*self.layouts.stages, Stage("pictures.stage_ink", shown(255 * (1 - layout.density)))]
        notes = self.layouts.notes
        digits = tuple(_digit(component, layout, self.size) for component in components)
        if digits:
            changes = [layout.normalized(component)[0].change for component in components]
            notes += _notes(lined=layout.ruled, thickened=max(changes) > 0.1, thinned=min(changes) < -0.1)
            stages.append(Stage("pictures.stage_found", boxes_drawn(layout.density, components)))
            stages.append(Stage("pictures.stage_image", np.hstack([digit.image for digit in digits])))
        reason = None if digits else f"pictures.{layout.reason or 'noise'}"
        lengths = tuple(len(line) for line in lines)
        return replace(self, notes=notes, stages=tuple(stages), digits=digits, reason=reason, lines=lengths)

    def as_one_image(self, image_shape: tuple[int, ...], ground: str | None = None) -> "Picture":
        """The same picture as one image (H, W) or (H, W, 3), resized as a whole: for models of anything but digits on paper.

        Where the training images have a `ground` ("dark" or "light") and the picture the other one, it is inverted.
        """
        image = resized_whole(self.stages[0].array, image_shape)
        notes: tuple[str, ...] = ()
        if is_inverted(image[None], ground).any():
            image, notes = 255 - image, (translate("pictures.inverted"),)
        width, height = self.size
        affine = np.array([[width / image_shape[1], 0, 0], [0, height / image_shape[0], 0]], dtype=np.float64)
        digit = Digit(image, (0.0, 0.0, float(width), float(height)), affine, 1, float("nan"), 1.0)
        stages = (self.stages[0], Stage("pictures.stage_whole", image))
        return Picture(self.name, self.size, notes, stages, (digit,), None)


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
    side, pixels = COARSE_SIDE, without_dots(upright.pixels)
    while True:
        ink = find_ink(resampled(pixels, side))
        if ink is None:
            return Picture(upright.name, upright.size, upright.notes, (upright_stage(upright),), (), "pictures.blank")
        ways = Layouts(ink, upright)
        usual = next(iter(ways))
        larger = _side_needed(usual, side, max(upright.pixels.shape))
        if larger <= side:
            break
        side = larger
    return Picture(upright.name, upright.size, (), (), (), None, layouts=ways).seen_as(usual, usual.lines)


def upright_stage(upright: Upright) -> Stage:
    """The first stage: the picture itself."""
    return Stage("pictures.stage_upright", upright.pixels.round().astype(np.uint8))


def _side_needed(layout: Layout, side: int, most: int) -> int:
    """At which size to read a picture, given how it is seen at the size `side`."""
    lengths = [digit.length for digit in chain(*layout.lines)]
    if side > COARSE_SIDE or side >= most:
        return side
    length = float(np.median(lengths)) if lengths else 0.0
    return side if length >= MIN_LENGTH else min(most, WORKING_SIDE, max(round(side * AIM / max(length, 1)), side + 200))


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


def _digit(component: Component, layout: Layout, size: tuple[int, int]) -> Digit:
    """A digit in the picture's own pixels."""
    normalized, (top, left) = layout.normalized(component)
    sx, sy = size[0] / layout.density.shape[1], size[1] / layout.density.shape[0]
    to_picture = np.array([[sx, 0, left * sx], [0, sy, top * sy]])
    affine = to_picture @ np.vstack([normalized.affine, [0, 0, 1]])
    box = (component.left * sx, component.top * sy, component.width * sx, component.height * sy)
    share = component.area / (component.width * component.height)
    return Digit(normalized.image, box, affine, len(component.labels), normalized.stroke_width, share)


def _notes(*, lined: bool, thickened: bool, thinned: bool) -> tuple[str, ...]:
    keys = (("lines_removed", lined), ("thickened", thickened), ("thinned", thinned))
    return tuple(translate(f"pictures.{key}") for key, done in keys if done)
