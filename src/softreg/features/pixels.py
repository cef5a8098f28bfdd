"""Pixels as they are."""

from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap


class Pixels(FeatureMap):
    """x = images / 255, row by row. As rows of a design matrix they stay uint8, to be scaled on the way."""

    name = "pixels"
    dim = 784
    stored = torch.uint8
    unit = 1 / 255

    def fit(self, images: Tensor, seed: int) -> Self:
        """Nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (N, 28, 28) -> (N, 784) float32 in [0, 1]."""
        return images.flatten(1).float() / 255

    def forward(self, images: Tensor) -> Tensor:
        """All at once: there is nothing in between to keep small."""
        return self.transform(images)

    def rows(self, images: Tensor) -> Tensor:
        """Images (N, 28, 28) -> (N, 784), a view, 0 to 255."""
        return images.flatten(1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Each pixel is a feature: weight times pixel."""
        return images.float() / 255 * weight.view(28, 28)
