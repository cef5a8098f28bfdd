"""Datasets whose ink is light on dark, as MNIST's, or dark on light: what is usual, and how many images are not so."""

import warnings

from torch import Tensor

from softreg.data.memory_map import evenly_spaced, pieces
from softreg.errors import SoftregWarning
from softreg.imaging import ground
from softreg.messages import translate

SAMPLED = 2000  # images that tell what is usual


def usual_ground(images: Tensor) -> str | None:
    """The ground, "dark" or "light", that images (N, H, W) usually have, mapped or not; None if neither is, and of embeddings."""
    if images.ndim == 2:
        return None
    return ground.usual_ground(evenly_spaced(images, SAMPLED).numpy())


def count_inverted(images: Tensor, usual: str | None) -> int:
    """How many images, mapped or not, have the ground that is not `usual`; 0 if neither is."""
    return sum(int(ground.is_inverted(piece.numpy(), usual).sum()) for piece in pieces(images)) if usual else 0


def tell_inverted(images: str, usual: str | None, where: object) -> None:
    """Warn that some images, in words, are dark on light where light on dark is usual, or the other way round."""
    key = "dataset.dark_on_light" if usual == "dark" else "dataset.light_on_dark"
    warnings.warn(translate(key, where=where, images=images), SoftregWarning, stacklevel=6)
