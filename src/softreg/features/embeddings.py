"""The feature map `embeddings`: rows that another model made are features already."""

from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder


class Embeddings(FeatureMap):
    """x = the embeddings (N, D), as they are. A design matrix holds them in their own type, in their file if they are mapped."""

    name = "embeddings"

    def __init__(self, image_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.image_shape, (self.dim,) = image_shape, image_shape

    def fit(self, images: Tensor, seed: int) -> Self:
        """Do nothing: there is nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Embeddings (N, D) of any floating type -> (N, D) float32."""
        return images.to(torch.float32)

    def forward(self, images: Tensor) -> Tensor:
        """As `transform`."""
        return self.transform(images)

    def quantised(self, images: Tensor) -> Tensor:
        """The embeddings themselves."""
        return images

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """The contribution of each number (N, D): embeddings have no pixels."""
        return images.float() * weight

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Embeddings (N, D), as they are."""
        return ink
