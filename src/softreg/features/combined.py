"""The feature map `both`: scattering and patches, concatenated."""

from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.features.patches import Patches
from softreg.features.pooled import Pooled
from softreg.features.scattering import Scattering
from softreg.image_format import SIDE


class Combined(FeatureMap):
    """x = the features of `Scattering`, then those of `Patches` with 64 filters: D = 3,969 + 2,048, in colour 11,907 + 2,048."""

    name = "both"
    storage_dtype, quantum = Pooled.storage_dtype, Pooled.quantum

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.scattering = Scattering(image_shape)
        self.patches = Patches(image_shape, 64)
        self.dim = self.scattering.dim + self.patches.dim

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fit both maps."""
        self.scattering.fit(images, seed)
        self.patches.fit(images, seed)
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, *image_shape) -> (B, D) float32."""
        return torch.cat([self.scattering.transform(images), self.patches.transform(images)], 1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """The sum of what the two maps contribute, each with its own weights."""
        scattering, patches = weight.split([self.scattering.dim, self.patches.dim], -1)
        return self.scattering.attribute(images, scattering) + self.patches.attribute(images, patches)

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, *image_shape) in [0, 1] -> (N, D)."""
        return graph.node("Concat", self.scattering.to_onnx(graph, ink), self.patches.to_onnx(graph, ink), axis=1)
