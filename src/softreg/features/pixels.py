"""The feature map `pixels`: the pixels themselves."""

from math import prod
from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE


class Pixels(FeatureMap):
    """x = images / 255, row by row. A design matrix holds the uint8 images themselves and scales them as it goes."""

    name = "pixels"
    storage_dtype = torch.uint8
    quantum = 1 / 255

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__()
        self.image_shape, self.dim = image_shape, prod(image_shape)

    def fit(self, images: Tensor, seed: int) -> Self:
        """Do nothing: there is nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (N, H, W) or (N, H, W, 3) -> (N, D) float32 in [0, 1]."""
        return images.flatten(1).float() / 255

    def forward(self, images: Tensor) -> Tensor:
        """As `transform`: there are no intermediate results that chunks would keep small."""
        return self.transform(images)

    def quantised(self, images: Tensor) -> Tensor:
        """Images (N, H, W) or (N, H, W, 3) -> (N, D) uint8, a view."""
        return images.flatten(1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Each pixel is a feature: weight times pixel, in colour summed over the channels."""
        contributions = images.float() / 255 * weight.view(-1, *self.image_shape)
        return contributions.sum(3) if contributions.ndim == 4 else contributions

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, H, W) or (N, H, W, 3) in [0, 1] -> (N, D)."""
        return graph.node("Flatten", ink, axis=1)
