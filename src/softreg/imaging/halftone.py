"""Pictures in black and white whose greys are dots, as of a fax, a newspaper or a dithered scan: back to greys.

A dot that stands alone is no stroke; among the strokes of a picture that was only cut at a threshold there are hardly any.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.ink import Grey

LEAST_ALONE = 0.004  # of the pixels: 60 binarised drawings have at most 0.002, dithered pictures from 0.01
MIN_SIDE = 64  # pixels: a smaller picture has strokes as thin as dots
BLUR = 2.0  # pixels: the standard deviation of the Gaussian that makes greys of dots


def without_dots(pixels: Grey) -> Grey:
    """The picture `float32 (H, W, 3)` with its dots smoothed to greys; unchanged if it is none of dots."""
    grey = pixels[..., 0]
    if min(grey.shape) < MIN_SIDE or not _is_black_and_white(pixels) or dots(grey > 127) < LEAST_ALONE:
        return pixels
    smooth = ndimage.gaussian_filter(grey, BLUR)
    return np.repeat(smooth[..., None], 3, axis=2)


def _is_black_and_white(pixels: Grey) -> bool:
    few = pixels[::7, ::7]  # most pictures are told by these
    return all(bool(((part == 0) | (part == 255)).all()) and not np.ptp(part, axis=2).any() for part in (few, pixels))


def dots(white: NDArray[np.bool_]) -> float:
    """The share of pixels unlike all eight around them."""
    around = ndimage.uniform_filter(white.astype(np.float32), 3)
    return float((np.abs(around - white) > 7.5 / 9).mean())
