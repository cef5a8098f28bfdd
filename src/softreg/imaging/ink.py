"""From pixels to an ink map: which colour is ink, whether it is dark or light, and how the light falls on the paper.

The ink map is the *density* of ink: 0 on paper, about 1 in the middle of a stroke, grey at its edges.

1. Colour: the axis along which the picture varies most over short distances, so that red on green has contrast too.
2. Polarity: around a smooth surface fitted with absolute deviations (most of a picture is paper), the ink lies on the longer tail.
3. Paper: a morphological closing fills in whatever is darker than its surroundings and as narrow as a stroke.
4. Threshold: the mean density at edges, steep edges counting most, which is half of the ink's density wherever its edges are;
   the soft edges of shadows hardly count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.resampling import resized, shrunk

Grey = NDArray[np.float32]

LEAST_CONTRAST = 0.05  # of the paper's brightness: fainter is not called ink
NOISE_MULTIPLE = 5.0  # ink stands out of the noise by this many standard deviations


@dataclass(frozen=True, eq=False)
class Ink:
    """An ink map.

    Attributes
    ----------
    density
        `float32 (H, W)`: 0 on paper, 1 where the ink is as dense as it usually is, clipped to [0, 1].
    contrast
        `float32 (H, W)`: the density before clipping.
    evened
        `uint8 (H, W)`: the picture with the light evened and the ink dark, for showing.
    light
        Whether the ink is lighter than the paper.
    """

    density: Grey
    contrast: Grey
    evened: NDArray[np.uint8]
    light: bool


def find_ink(pixels: Grey) -> Ink | None:
    """The ink map of `float32 (H, W, 3)` pixels; None if nothing stands out from the paper."""
    grey, reflecting = along_contrast(pixels)
    plain = plain_paper(grey)
    if plain is None and _only_light(grey):
        return None
    if plain is None:
        light = ink_is_light(grey)
        darkness = _denoised(_darkness(255 - grey if light else grey, proportional=reflecting and not light))
    else:
        light = float(((grey - plain) * np.abs(grey - plain)).sum()) > 0
        darkness = (grey - plain if light else plain - grey) / np.float32(255)
    threshold = edge_threshold(darkness)
    evened = np.clip(255 * (1 - darkness / max(1.0, 2 * (threshold or 0.5))), 0, 255).astype(np.uint8)
    if threshold is None:
        return None
    contrast = np.asarray(darkness / np.float32(2 * threshold), dtype=np.float32)
    return Ink(np.clip(contrast, 0, 1), contrast, evened, light)


def along_contrast(pixels: Grey) -> tuple[Grey, bool]:
    """Grey values along the colour axis of most local contrast, in [0, 255], and whether they are amounts of light.

    They are not where one colour is subtracted from another, as for red ink on green paper.
    """
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2]):
        return np.ascontiguousarray(pixels[..., 0]), True
    small = np.stack([shrunk(np.ascontiguousarray(pixels[..., c]), 96) for c in range(3)], axis=-1)  # (h, w, 3)
    local = (small - ndimage.uniform_filter(small, (33, 33, 1))).reshape(-1, 3)
    weight = (local * local).sum(axis=1, keepdims=True)
    axis = np.linalg.eigh((local * weight).T @ local)[1][:, -1]
    axis *= np.sign(axis.sum()) / np.abs(axis).sum()
    axis[np.abs(axis) < 0.03] = 0
    grey = pixels @ axis.astype(np.float32) - np.float32(255 * axis[axis < 0].sum())
    return np.ascontiguousarray(grey), bool((axis >= 0).all())


def plain_paper(grey: Grey) -> float | None:
    """The paper's level if it is one and the same in most pixels and along the edges, as in a drawing; else None."""
    counts = np.bincount(np.rint(grey).astype(np.uint8).ravel())
    level = float(counts.argmax())
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if counts.max() < 0.6 * grey.size or np.mean(np.abs(edges - level) <= 0.5) < 0.6:
        return None
    return level


def ink_is_light(grey: Grey) -> bool:
    """Whether the ink is lighter than the paper: on which side of the paper's level the longer tail lies.

    The level is a smooth surface, which thick strokes do not move, or the median around, which follows the edge of a shadow;
    the one that leaves the more lopsided rest is believed.
    """
    small = shrunk(grey, 128)
    levels = (paper_surface(shrunk(grey, 48)), _median_around(shrunk(grey, 32)))
    return max((_lopsidedness(small, resized(level, small.shape)) for level in levels), key=abs) > 0


def _median_around(grey: Grey) -> Grey:
    """The median in a square half as wide as the picture, every other pixel of it."""
    reach = round(0.25 * max(grey.shape))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(grey, reach, mode="reflect"), (2 * reach + 1, 2 * reach + 1))
    return np.asarray(np.median(around[..., ::2, ::2], axis=(2, 3)), dtype=np.float32)


def _lopsidedness(grey: Grey, level: Grey) -> float:
    """Between -1, all that is far from the level is darker, and 1, all is lighter; far counts with its fourth power."""
    away = (grey - level) / np.maximum(np.maximum(grey, level), 32)
    fourth = away**4
    return float((fourth * np.sign(away)).sum() / max(float(fourth.sum()), 1e-30))


def paper_surface(grey: Grey) -> Grey:
    """The quadratic surface with the least absolute deviations, by reweighted least squares; the margin counts threefold."""
    height, width = grey.shape
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
    y, x = (grid.ravel() for grid in np.meshgrid(y, x, indexing="ij"))
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)  # (H W, 6)
    prior = np.where(np.maximum(np.abs(x), np.abs(y)) > 0.85, np.float32(3), np.float32(1))
    target = grey.ravel()
    surface = np.full_like(target, np.median(target[prior > 1]))
    for _ in range(8):
        weight = (prior / np.maximum(np.abs(target - surface), 2))[:, None]
        weighted = (basis * weight).T
        surface = basis @ np.linalg.solve(weighted @ basis + 1e-3 * np.eye(6, dtype=np.float32), weighted @ target)
    return surface.reshape(grey.shape).astype(np.float32)


def _only_light(grey: Grey) -> bool:
    """Whether nothing stands out, dark or light, of a sheet lit from one side."""
    light = resized(paper_surface(shrunk(grey, 48)), grey.shape)
    away = np.asarray((light - grey) / np.maximum(light, 32), dtype=np.float32)
    return edge_threshold(away) is None and edge_threshold(-away) is None


def _darkness(grey: Grey, *, proportional: bool) -> Grey:
    """How much darker each pixel is than the paper, as a share of the paper's brightness, or of 255."""
    paper = resized(_paper(grey, proportional=proportional), grey.shape)
    dark = _below(grey, paper, proportional=proportional)
    return dark - np.median(dark[::2, ::2])  # a closing follows the upper edge of noise


def _below(grey: Grey, paper: Grey, *, proportional: bool) -> Grey:
    return np.asarray((paper - grey) / (np.maximum(paper, 32) if proportional else np.float32(255)), dtype=np.float32)


def _paper(grey: Grey, *, proportional: bool) -> Grey:
    """The paper's brightness, `float32 (h, w)` with sides of at most 128: what is left when dark things are closed.

    A small closing follows the edge of a shadow, but only a large one fills the stroke of a thick pen. The small one is taken
    unless there is something broad that is as dark as the strokes.
    """
    small = ndimage.median_filter(shrunk(grey, 128), 3, mode="nearest")
    narrow, wide = _closed(small, 0.2, smooth=0.04), _closed(small, 0.45, smooth=0.2)
    dark_narrow, dark_wide = (_below(small, paper, proportional=proportional) for paper in (narrow, wide))
    threshold = edge_threshold(dark_narrow)
    if threshold is None:
        return wide if edge_threshold(dark_wide) else narrow
    core = max(3, round(0.16 * min(small.shape)))
    broad = ndimage.minimum_filter(dark_wide, core, mode="nearest") > threshold
    dark = np.percentile(dark_narrow[dark_narrow > threshold], 75) if (dark_narrow > threshold).any() else 0
    return wide if broad.any() and np.median(dark_wide[broad]) > 0.75 * dark else narrow


def _closed(grey: Grey, share: float, smooth: float) -> Grey:
    """A closing with a square `share` of the shorter side wide, smoothed by another."""
    size = max(3, round(share * min(grey.shape)) | 1)
    closed = ndimage.grey_closing(grey, (size, size), mode="nearest")
    return np.asarray(ndimage.uniform_filter(closed, round(smooth * min(grey.shape)) | 1, mode="nearest"), dtype=np.float32)


def noise_level(darkness: Grey) -> float:
    """The standard deviation of the noise on the paper, from the median absolute deviation.

    Where the paper's light could not be evened, neighbouring pixels tell the noise apart from it.
    """
    away = float(np.median(np.abs(_sampled(darkness - np.median(_sampled(darkness))))))
    across = float(np.median(np.abs(_sampled(np.diff(darkness, axis=1))))) / np.sqrt(2)
    return float(1.4826 * min(away, 3 * across))


def _sampled(grey: Grey) -> Grey:
    return grey[:: max(1, grey.shape[0] // 256), :: max(1, grey.shape[1] // 256)]


def _denoised(darkness: Grey) -> Grey:
    """Smoothed by about a pixel, only where the noise is worth the blur."""
    if noise_level(darkness) < 0.02:
        return darkness
    return np.asarray(ndimage.gaussian_filter(darkness, 1.0 if min(darkness.shape) > 64 else 0.6), dtype=np.float32)


def edge_threshold(darkness: Grey) -> float | None:
    """The density halfway up the ink's edges; None if nothing stands out of the noise."""
    least = max(LEAST_CONTRAST, NOISE_MULTIPLE * noise_level(darkness))
    dark = darkness > least
    if np.count_nonzero(dark) < 4:
        return None
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    darkness = darkness[max(rows[0] - 2, 0) : rows[-1] + 3, max(columns[0] - 2, 0) : columns[-1] + 3]
    dy, dx = np.gradient(darkness)
    steep = dx * dx + dy * dy
    steep = steep * np.sqrt(steep) * (ndimage.maximum_filter(darkness, 3) > least)
    return max(float((steep * darkness).sum() / max(float(steep.sum()), 1e-30)), least / 2)
