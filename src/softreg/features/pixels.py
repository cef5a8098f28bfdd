"""Pixels as they are."""

from typing import Self

from torch import Tensor

from softreg.features import Features


class Pixels(Features):
    """x = images / 255, row by row."""

    name = "pixels"
    dim = 784

    def fit(self, images: Tensor, seed: int) -> Self:
        """Nothing to fit."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (N, 28, 28) -> (N, 784) float32 in [0, 1]."""
        return images.flatten(1).float() / 255
