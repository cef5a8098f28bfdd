"""What ink is on, told by the border of an image: a dark ground, as MNIST's, or a light one."""

import numpy as np
from numpy.typing import NDArray

GROUNDS = ("dark", "light")
DARK, LIGHT = 64, 191  # pixels of a ground are darker, or lighter
SHARE = 0.9  # of the pixels at the border of an image are of its ground: ink may touch it
MOST, FEW = 0.6, 0.2  # of the pixels at the borders of many images


def _borders(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels at the border of each image (N, H, W): (N, 2 H + 2 W - 4)."""
    return np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)


def grounds(images: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Whether the ground of each image (N, H, W) is dark, and whether it is light: bool (N,) each; never in colour (N, H, W, 3)."""
    if images.ndim == 4:
        return {ground: np.zeros(len(images), bool) for ground in GROUNDS}
    border = _borders(images)
    return {"dark": (border < DARK).mean(1) >= SHARE, "light": (border > LIGHT).mean(1) >= SHARE}


def usual_ground(images: NDArray[np.uint8]) -> str | None:
    """The ground of images (N, H, W): "dark" or "light" if most pixels at their borders are, and few are of the other; else None.

    Ink may reach the borders of all of them, as in scikit-learn's digits of 8 x 8.
    """
    if images.ndim == 4:
        return None
    border = _borders(images)
    dark, light = (border < DARK).mean(), (border > LIGHT).mean()
    return "dark" if dark >= MOST and light <= FEW else "light" if light >= MOST and dark <= FEW else None


def is_inverted(images: NDArray[np.uint8], ground: str | None) -> NDArray[np.bool_]:
    """Whether each image has the other ground than `ground`, "dark" or "light": bool (N,); never if that is None."""
    if ground is None:
        return np.zeros(len(images), bool)
    return grounds(images)[GROUNDS[1 - GROUNDS.index(ground)]]
