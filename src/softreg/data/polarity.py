"""Light ink on a dark ground, as MNIST's, or dark ink on a light one: told by the borders of images."""

import warnings

import torch
from torch import Tensor

from softreg.data.memory_map import evenly_spaced, pieces
from softreg.errors import SoftregWarning
from softreg.messages import translate

DARK, LIGHT = 64, 191  # the border of an image is ink-free if nine tenths of its pixels are darker, or lighter
MOST = 0.9  # of the images have such a border where one of the other kind is odd
SAMPLED = 2000  # images that tell what is usual
KINDS = ("dark", "light")


def borders(images: Tensor) -> dict[str, Tensor]:
    """Whether the border of each image (N, H, W) is dark, and whether it is light: bool (N,) each; never of colour (N, H, W, 3)."""
    if images.ndim == 4:
        return dict.fromkeys(KINDS, torch.zeros(len(images), dtype=torch.bool))
    found = [_borders(piece) for piece in pieces(images)]
    return {kind: torch.cat([piece[kind] for piece in found]) for kind in KINDS}


def _borders(images: Tensor) -> dict[str, Tensor]:
    border = torch.cat([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], dim=1)
    return {"dark": (border < DARK).float().mean(1) >= MOST, "light": (border > LIGHT).float().mean(1) >= MOST}


def usual_border(images: Tensor) -> str | None:
    """The kind of border, "dark" or "light", that nine tenths of the images have; None if neither is usual."""
    shares = {kind: float(has.double().mean()) for kind, has in borders(evenly_spaced(images, SAMPLED)).items()}
    return next((kind for kind, share in shares.items() if share >= MOST), None)


def count_inverted(images: Tensor, usual: str | None) -> int:
    """How many images have the border that is not `usual`; 0 if neither is."""
    return 0 if usual is None else int(borders(images)[KINDS[1 - KINDS.index(usual)]].sum())


def tell_inverted(images: str, usual: str | None, where: object) -> None:
    """Warn that some images, in words, are dark on light where light on dark is usual, or the other way round."""
    key = "dataset.dark_on_light" if usual == "dark" else "dataset.light_on_dark"
    warnings.warn(translate(key, where=where, images=images), SoftregWarning, stacklevel=6)
