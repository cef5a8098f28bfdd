"""Deskewing: the digit centred and its slant taken out, by its moments.

With the ink I(x, y) of an image as a mass, its centre (cx, cy), and the moments mu_pq = sum (x - cx)^p (y - cy)^q I(x, y),
a slanted stroke has mu_11 /= 0. The shear x -> x + a (y - cy), a = mu_11 / mu_02, brings mu_11 to zero and only shifts
every row (Teow and Loe, Robust vision-based features and classification schemes for off-line handwritten digit recognition,
Pattern Recognition 35, 2002). Shifting by linear interpolation keeps a row's mass and its mean exactly, so the moments of
the result are zero, and not only nearly so; ink that a shift would move over the edge is the exception.
"""

from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from softreg.features.feature_map import FeatureMap

CENTRE = 14.0  # the pixel MNIST puts the centre of mass on
STEEPEST = 1.0  # 45 degrees: what slants more is no slanted digit, and a line lying down must not be sheared away


def deskew(images: Tensor) -> Tensor:
    """Images (N, 28, 28), uint8 or float in 0 to 255 -> the same digits centred and upright, float32 (N, 28, 28) in [0, 1]."""
    ink = images.float() / 255
    return warp(ink, *moves(ink))


def moves(ink: Tensor) -> tuple[Tensor, Tensor]:
    """How far to shift each column (N, 1), then each row (N, 28), of images (N, 28, 28) to make them centred and upright."""
    down = _centre(ink.sum(2))[:, None] - CENTRE  # (N, 1)
    ink = _shift(ink.mT, down).mT  # first of all: it changes mu_02
    rows = ink.sum(2)  # (N, 28), mass of each row
    y = torch.arange(28.0, device=ink.device) - CENTRE  # (28,)
    firsts = ink @ (y + CENTRE)  # (N, 28), sum over x of x I
    centre = _centre(ink.sum(1))[:, None]  # (N, 1)
    mu_11 = (firsts - centre * rows) @ y  # (N,)
    slant = (mu_11 / (rows @ y.square()).clamp_min(1e-6)).clamp(-STEEPEST, STEEPEST)
    return down, centre - CENTRE + slant[:, None] * y


def warp(ink: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Images (N, 28, 28) with their columns shifted by `down` (N, 1), then their rows by `across` (N, 28); linear in the images."""
    return _shift(_shift(ink.mT, down).mT, across)


def unwarp(evidence: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """What stands on the pixels of warped images (N, 28, 28), brought back to where these pixels came from; sums are kept.

    A warped pixel is a mean of original ones, with weights that sum to one: each gets its weight's share. What came from
    outside the image is spread evenly over it.
    """
    with torch.enable_grad():
        ink = torch.ones_like(evidence, requires_grad=True)
        whole = warp(ink, down, across)  # (N, 28, 28), the weights' sums: less than one at the edges
        inside = torch.where(whole > 1e-6, evidence / whole.detach().clamp_min(1e-6), 0.0)
        (shares,) = torch.autograd.grad((whole * inside).sum(), ink)
    lost = evidence.sum((1, 2), keepdim=True) - shares.sum((1, 2), keepdim=True)
    return shares + lost / 784


def _centre(mass: Tensor) -> Tensor:
    """The mean position (N,) of masses (N, 28) on a line; the middle where there is no mass."""
    position = torch.arange(28.0, device=mass.device)
    total = mass.sum(1)
    return torch.where(total > 0, mass @ position / total.clamp_min(1e-6), CENTRE)


def _shift(ink: Tensor, by: Tensor) -> Tensor:
    """out[n, y, x] = ink[n, y, x + by[n, y]], linearly interpolated, zero outside; ink (N, 28, 28), by (N, 28) or (N, 1)."""
    whole = by.floor()
    part = (by - whole)[:, :, None]  # (N, 28 or 1, 1)
    left = torch.arange(28, device=ink.device) + whole.long()[:, :, None] + 1  # (N, 28 or 1, 28), in the padded row
    padded = pad(ink, (1, 1))  # (N, 28, 30)
    left, right = (index.clamp(0, 29).expand(len(ink), 28, 28) for index in (left, left + 1))
    return torch.lerp(padded.gather(2, left), padded.gather(2, right), part)


class Deskew(FeatureMap):
    """x = the pixels of the deskewed image, in [0, 1]."""

    name = "deskew"
    dim = 784

    def fit(self, images: Tensor, seed: int) -> Self:
        """Nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (N, 28, 28) -> (N, 784) float32."""
        return deskew(images).flatten(1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Each upright pixel is a mean of original ones; each of them gets the part of the evidence that its own ink made."""
        ink = images.float() / 255
        down, across = moves(ink)
        with torch.enable_grad():
            leaf = ink.clone().requires_grad_()
            (gradient,) = torch.autograd.grad((warp(leaf, down, across).flatten(1) @ weight).sum(), leaf)
        return gradient * ink
