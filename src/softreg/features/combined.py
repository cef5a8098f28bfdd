"""Scattering and patches side by side: the wavelets that mathematics gives, and those that the digits themselves give."""

from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap
from softreg.features.patches import Patches
from softreg.features.pooled import Pooled
from softreg.features.scattering import Scattering


class Combined(FeatureMap):
    """x = the features of `Scattering`, then those of `Patches` with 64 filters: D = 3,969 + 2,048."""

    name = "both"
    stored, unit = Pooled.stored, Pooled.unit

    def __init__(self) -> None:
        super().__init__()
        self.scattering = Scattering()
        self.patches = Patches(64)
        self.dim = self.scattering.dim + self.patches.dim

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fit each."""
        self.scattering.fit(images, seed)
        self.patches.fit(images, seed)
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, 28, 28) -> (B, D) float32."""
        return torch.cat([self.scattering.transform(images), self.patches.transform(images)], 1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """What the one says and what the other says, added."""
        scattering, patches = weight.split([self.scattering.dim, self.patches.dim])
        return self.scattering.attribute(images, scattering) + self.patches.attribute(images, patches)
