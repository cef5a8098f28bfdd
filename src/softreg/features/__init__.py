"""Feature maps: what the linear layer sees of an image. Fixed maps, fitted on images, never on labels."""

from importlib import import_module
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

CHUNK = 250  # images whose intermediate maps are in memory at a time

MAPS = {"pixels": "Pixels", "deskew": "Deskew"}


class Features(nn.Module):
    """A fixed map, images uint8 (N, 28, 28) -> (N, D) float32. All its state is in buffers whose shapes are known before `fit`.

    Attributes
    ----------
    name : what a recipe calls it
    dim : D
    stored : the type its rows are kept in for training; what it rounds away is smaller than what the images are unsure of
    """

    name: ClassVar[str]
    dim: int
    stored: ClassVar[torch.dtype] = torch.float32

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fill the buffers from training images uint8 (N, 28, 28); the same seed gives the same buffers."""
        raise NotImplementedError

    def transform(self, images: Tensor) -> Tensor:
        """The features (B, D), float32, of a few images (B, 28, 28), uint8 or float in 0 to 255; gradients go through."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """The features (N, D), float32, of any number of images uint8 (N, 28, 28), made a chunk at a time."""
        x = torch.empty(len(images), self.dim, device=images.device)
        for rows, chunk in zip(torch.split(x, CHUNK), torch.split(images, CHUNK), strict=True):
            rows.copy_(self.transform(chunk))
        return x

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """What each pixel contributes to features @ weight: images (N, 28, 28), weight (D,) -> (N, 28, 28).

        Over an image's pixels the shares sum to the evidence, sum_j weight_j x_j. A feature linear in the image shares out
        by gradient times pixel, which is exact: weight_j dx_j/dI(p) I(p).
        """
        ink = images.float().requires_grad_()
        with torch.enable_grad():
            evidence = self.transform(ink) @ weight
            (gradient,) = torch.autograd.grad(evidence.sum(), ink)
        return gradient * ink.detach()


def make_features(name: str) -> Features:
    """The feature map called `name`, not yet fitted."""
    features: Features = getattr(import_module(f"softreg.features.{name}"), MAPS[name])()
    return features
