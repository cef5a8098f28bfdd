"""From the ink of one digit to an MNIST image, made the way MNIST was.

The digit is brought to five times MNIST's resolution, its strokes, if thinner or thicker than most of MNIST's, to a width that
MNIST has. Then it is shrunk, anti-aliased, its proportions kept, into a box of 20 x 20, and moved by whole pixels until the centre
of mass lies in the middle of 28 x 28 (LeCun et al., 1998, and http://yann.lecun.com/exdb/mnist).

Strokes that are reshaped become black and white on the way. Others keep the soft edges of the ink, only sharper: how dark an edge
is says where it lies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from softreg.image_format import SIDE
from softreg.imaging.ink import Grey

BOX = 20
PIXELS = np.arange(SIDE)
FINE = 5  # fine pixels per pixel of the image
MARGIN = BOX * FINE // 5  # fine pixels around the ink; further away nothing is drawn, however much strokes are widened or smoothed
LARGE_SCALE = 15.0  # fine pixels per pixel of ink: of specks under 7, with which less around them is enlarged
# Widths of strokes in pixels of the image. Measured with `stroke_width` on 3,000 training images: median 2.3, 90 % in 1.7 to 4.5.
THINNEST, THICKEST = 1.7, 4.5
SHARPENING = 2.0  # of the edges of strokes that are not reshaped: blurred in photos, they are not in MNIST


@dataclass(frozen=True, eq=False)
class NormalizedDigit:
    """A digit in MNIST's form.

    Attributes
    ----------
    image
        `uint8 (28, 28)`, bright ink on black.
    affine
        `float64 (2, 3)`: from `(x, y, 1)` in the image to `(x, y)` in the ink map; pixel `i` reaches from `i` to `i + 1`.
    stroke_width
        As found, in pixels of the image, before it was changed.
    change
        Pixels of the image by which the strokes were widened (negative: narrowed).
    """

    image: NDArray[np.uint8]
    affine: NDArray[np.float64]
    stroke_width: float
    change: float


def normalize(ink: Grey, stretch: float = 1.0, turn: float = 0.0) -> NormalizedDigit:
    """Bring the ink of one digit, `float32 (h, w)` in [0, 1], into MNIST's form.

    It is made `stretch` times as wide first, and turned anticlockwise by `turn` degrees.
    """
    fine, to_ink = _fine(ink, stretch, turn)
    depth = signed_depth(fine)
    ridge = _ridge(depth)
    width = _width(depth, ridge)
    widened, width28 = _widening(depth, width)
    edges = _reshaped(depth, ridge, width, widened) if widened else SHARPENING * (fine - 0.5)
    shape = np.clip(edges + 0.5, 0, 1)
    top, left, bottom, right = bounds(shape > 0.25)
    small, scale = _boxed(shape, (left, top, right, bottom))
    image, (down, across) = _centred(small)
    to_fine = np.array([[1 / scale[0], 0, left - across / scale[0]], [0, 1 / scale[1], top - down / scale[1]], [0, 0, 1]])
    return NormalizedDigit(image, (to_ink @ to_fine)[:2], width28, widened * min(scale))


def bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (exclusive) of what is True, of which there must be something."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _fine(ink: Grey, stretch: float, turn: float) -> tuple[Grey, NDArray[np.float64]]:
    """The ink at `FINE` times MNIST's resolution with a margin, and the matrix (3, 3) that leads back from it."""
    top, left, bottom, right = bounds(ink > 0.5) if (ink > 0.5).any() else (0, 0, *ink.shape)
    scale = BOX * FINE / max(bottom - top, stretch * (right - left))
    reach = 2 if scale <= LARGE_SCALE else 1
    padded = np.pad(ink, reach)  # the window below may reach so many pixels beyond
    height, width = bottom - top + 2 * reach, right - left + 2 * reach
    fine_height, fine_width = round(height * scale), round(stretch * width * scale)
    window = Image.fromarray(padded).resize(
        (fine_width, fine_height), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height)
    )
    upright, to_window = _turned(np.asarray(window, dtype=np.float32), turn)
    fine, down, across = _with_margin(upright)
    from_window = np.array([[width / fine_width, 0, left - reach], [0, height / fine_height, top - reach], [0, 0, 1]])
    return fine, from_window @ to_window @ np.array([[1, 0, across], [0, 1, down], [0, 0, 1]])


def _turned(window: Grey, degrees: float) -> tuple[Grey, NDArray[np.float64]]:
    """The window turned about its centre, as large as it has to be, and the matrix (3, 3) that leads back."""
    if not degrees:
        return window, np.eye(3)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    back = np.array([[cos, -sin], [sin, cos]])  # of (x, y)
    size = np.array(window.shape[::-1], dtype=np.float64)
    larger = np.ceil(np.abs(back) @ size)
    shift = size / 2 - back @ (larger / 2)
    rows = back[::-1, ::-1]  # of (y, x), and of pixels' centres
    offset = (shift + back @ [0.5, 0.5] - 0.5)[::-1]
    turned = ndimage.affine_transform(window, rows, offset, tuple(larger[::-1].astype(int)), order=1)
    return turned, np.array([[*back[0], shift[0]], [*back[1], shift[1]], [0, 0, 1]])


def _with_margin(window: Grey) -> tuple[Grey, int, int]:
    """The window padded or cropped to `MARGIN` around its ink, and its first row and column in the window."""
    inside = window > 0.5
    top, left, bottom, right = bounds(inside) if inside.any() else (0, 0, *window.shape)
    rows, columns = slice(top, bottom + 2 * MARGIN), slice(left, right + 2 * MARGIN)
    return np.pad(window, MARGIN)[rows, columns], top - MARGIN, left - MARGIN


def signed_depth(fine: Grey) -> Grey:
    """How deep each fine pixel lies in the ink; negative outside. Zero at half density."""
    inside = fine > 0.5
    depth = -ndimage.distance_transform_edt(~inside)
    if inside.any():
        top, left, bottom, right = bounds(inside)
        around = np.s_[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]  # it holds the paper nearest to any ink
        depth[around] += ndimage.distance_transform_edt(inside[around])
    return np.asarray(depth - np.sign(depth) / 2, dtype=np.float32)


def stroke_width(depth: Grey) -> float:
    """Width of the strokes in fine pixels: twice the median depth along their ridges."""
    return _width(depth, _ridge(depth))


def _width(depth: Grey, ridge: NDArray[np.bool_]) -> float:
    return 2 * float(np.median(depth[ridge])) + 0.5 if ridge.any() else 1.0


def _ridge(depth: Grey) -> NDArray[np.bool_]:
    """Where nothing around is deeper in the ink."""
    ridge: NDArray[np.bool_] = (depth > 0) & (depth >= ndimage.maximum_filter(depth, 3))
    return ridge


def _widening(depth: Grey, width: float) -> tuple[float, float]:
    """By how much to widen the strokes, in fine pixels, 0 if not at all, and how wide they are now, in pixels of the image.

    Widening by d makes the digit's longer side L grow to L + d, which the box then shrinks again. So that the width becomes
    w* in the image, `(w + d) / (L + d) = w* / 20`, that is `d = (w* L / 20 - w) / (1 - w* / 20)`.
    """
    top, left, bottom, right = bounds(depth > 0) if (depth > 0).any() else (0, 0, *depth.shape)
    length = max(bottom - top, right - left)
    now = BOX * width / length
    aim = min(max(now, THINNEST), THICKEST)
    change = (aim * length / BOX - width) / (1 - aim / BOX) if aim != now else 0.0
    return change, now


def _reshaped(depth: Grey, ridge: NDArray[np.bool_], width: float, widened: float) -> Grey:
    """The signed depth after widening the strokes, or narrowing the thick ones, each along its own ridge, down to one width."""
    if widened >= 0:
        return depth + np.float32(widened / 2)
    nearest = ndimage.distance_transform_edt(~ridge, return_distances=False, return_indices=True)
    too_deep = np.maximum(depth[tuple(nearest)] - np.float32((width + widened) / 2), 0)
    return np.asarray(depth - ndimage.gaussian_filter(too_deep, FINE / 2), dtype=np.float32)


def _boxed(shape: Grey, box: tuple[int, int, int, int]) -> tuple[Grey, tuple[float, float]]:
    """The part `box` (left, top, right, bottom) shrunk to fit 20 x 20, and the scales by which, across and down."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = BOX / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(Image.fromarray(shape).resize(size, Image.Resampling.BICUBIC, box=box), dtype=np.float32)
    return np.clip(small, 0, 1), (size[0] / width, size[1] / height)


def _centred(small: Grey) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """`small` in 28 x 28, its centre of mass within half a pixel of (14, 14), as all of MNIST's; and how far down and across."""
    down, across = (
        int(np.clip(np.floor(SIDE / 2 + 0.5 - float(centre)), 0, SIDE - length))
        for centre, length in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    )
    image = np.zeros((SIDE, SIDE), dtype=np.uint8)
    image[down : down + small.shape[0], across : across + small.shape[1]] = np.rint(255 * small)
    return image, (down, across)


def mnist_bounds(image: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Top, left, bottom and right (exclusive) of the ink of an image in MNIST's form; None of any other.

    In MNIST's form an image is 28 x 28, its ink bright on pure black and 19 or 20 pixels long, its centre of mass in the middle.
    """
    if image.shape != (SIDE, SIDE) or image.max() < 100:
        return None
    down, across = image.sum(axis=1), image.sum(axis=0)  # summed once: the server asks this for every picture
    rows, columns = down.nonzero()[0], across.nonzero()[0]
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    if max(bottom - top, right - left) not in (BOX - 1, BOX):
        return None
    mass = float(down.sum())
    centred = all(abs(float(profile @ PIXELS) / mass - SIDE / 2) < 0.55 for profile in (down, across))
    return (top, left, bottom, right) if centred else None
