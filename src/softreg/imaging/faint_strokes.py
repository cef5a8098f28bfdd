"""A second ink map for strokes that one threshold for the whole picture breaks: pencil, a pen running dry, ink in a vignette."""

import numpy as np
from scipy import ndimage

from softreg.imaging.components import INK
from softreg.imaging.ink import Grey, noise_level

GRAIN = 0.003  # of the picture's longer side: finer texture is smoothed
PIXEL = 0.7  # pixels: smoothing that closes gaps of one pixel, as in small binarised pictures
BROADEST = 0.06  # of the same: what is broader is shadow, not stroke
REACH = 0.03  # of the same: a stroke is compared with the darkest this near


def local_contrast(contrast: Grey) -> Grey:
    """The density of each stroke against its surroundings, `float32 (H, W)`, as a share of the darkest ink nearby.

    Broad shadows are removed by a morphological opening; a stroke that fades is followed until the noise hides it.
    """
    side = max(contrast.shape)
    fine = ndimage.gaussian_filter(contrast, max(GRAIN * side, PIXEL))
    size = _odd(BROADEST * side)
    broad = ndimage.uniform_filter(ndimage.grey_opening(fine, (size, size), mode="reflect"), size // 2, mode="nearest")
    stroke = fine - broad
    least = max(0.2, 6 * noise_level(stroke))
    size = _odd(REACH * side)
    darkest = ndimage.uniform_filter(ndimage.maximum_filter(stroke, size, mode="nearest"), size, mode="nearest")
    scaled = np.asarray(stroke / np.maximum(darkest, np.float32(least)), dtype=np.float32)
    return np.where(stroke > least * INK, np.clip(scaled, 0, 1), np.float32(0))


def _odd(pixels: float) -> int:
    return max(5, round(pixels)) | 1
