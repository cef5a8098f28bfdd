"""Ink maps as images to look at."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softreg.imaging.components import Component
from softreg.imaging.ink import Grey

Bytes = NDArray[np.uint8]


def shown(values: Grey) -> Bytes:
    """Values in [0, 255] as bytes to show."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def boxes_drawn(density: Grey, components: Sequence[Component]) -> Bytes:
    """The ink map with a box around each digit, `uint8 (H, W, 3)`."""
    drawn = np.repeat(shown(255 * (1 - density))[:, :, None], 3, axis=2)
    height, width = density.shape
    line = max(1, max(height, width) // 200)
    for component in components:
        top, left = max(component.top - 2 * line, 0), max(component.left - 2 * line, 0)
        bottom, right = min(component.bottom + 2 * line, height), min(component.right + 2 * line, width)
        for edge in (
            np.s_[top : top + line, left:right],
            np.s_[bottom - line : bottom, left:right],
            np.s_[top:bottom, left : left + line],
            np.s_[top:bottom, right - line : right],
        ):
            drawn[edge] = (220, 60, 40)
    return drawn
