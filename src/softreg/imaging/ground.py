"""What ink is on, told by the border of an image: a dark ground, as MNIST's, or a light one."""

import numpy as np
from numpy.typing import NDArray

GROUNDS = ("dark", "light")
DARK, LIGHT = 64, 191  # pixels of a ground are darker, or lighter
SHARE = 0.9  # of the pixels at the border are of the ground: ink may touch it


def grounds(images: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Whether the ground of each image (N, H, W) is dark, and whether it is light: bool (N,) each; never in colour (N, H, W, 3)."""
    if images.ndim == 4:
        return {ground: np.zeros(len(images), bool) for ground in GROUNDS}
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    return {"dark": (border < DARK).mean(1) >= SHARE, "light": (border > LIGHT).mean(1) >= SHARE}


def is_inverted(images: NDArray[np.uint8], ground: str | None) -> NDArray[np.bool_]:
    """Whether each image has the other ground than `ground`, "dark" or "light": bool (N,); never if that is None."""
    if ground is None:
        return np.zeros(len(images), bool)
    return grounds(images)[GROUNDS[1 - GROUNDS.index(ground)]]
