"""Datasets whose ink is light on dark, as MNIST's, or dark on light: what is usual, and how many images are not so."""

import warnings

import numpy as np
from torch import Tensor

from softreg.data.memory_map import evenly_spaced, pieces
from softreg.errors import SoftregWarning
from softreg.imaging.ground import grounds, is_inverted
from softreg.messages import translate

MOST = 0.9  # of the images have a ground where the other one is odd
SAMPLED = 2000  # images that tell what is usual


def usual_ground(images: Tensor) -> str | None:
    """The ground, "dark" or "light", that nine tenths of the images have; None if neither is usual."""
    found = grounds(evenly_spaced(images, SAMPLED).numpy())
    return next((ground for ground, has in found.items() if np.mean(has) >= MOST), None)


def count_inverted(images: Tensor, usual: str | None) -> int:
    """How many images, mapped or not, have the ground that is not `usual`; 0 if neither is."""
    return sum(int(is_inverted(piece.numpy(), usual).sum()) for piece in pieces(images)) if usual else 0


def tell_inverted(images: str, usual: str | None, where: object) -> None:
    """Warn that some images, in words, are dark on light where light on dark is usual, or the other way round."""
    key = "dataset.dark_on_light" if usual == "dark" else "dataset.light_on_dark"
    warnings.warn(translate(key, where=where, images=images), SoftregWarning, stacklevel=6)
