"""The feature maps that concatenate others: `both`, scattering and patches, and `views`, with patches of the slanted digit."""

from typing import Self

import torch
from torch import Tensor

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.features.patches import Patches
from softreg.features.planes import CentredPlane
from softreg.features.pooled import Pooled
from softreg.features.scattering import Scattering
from softreg.image_format import SIDE

FILTERS = 64  # of each map of patches


class Concatenation(FeatureMap):
    """x = the features of several maps, one after the other. Subclasses name the maps."""

    storage_dtype, quantum = Pooled.storage_dtype, Pooled.quantum

    def __init__(self, image_shape: tuple[int, ...], **maps: Pooled) -> None:
        super().__init__()
        self.image_shape = image_shape
        for name, feature_map in maps.items():
            self.add_module(name, feature_map)
        self.maps = tuple(maps.values())
        self.dim = sum(feature_map.dim for feature_map in self.maps)

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fit all maps."""
        for feature_map in self.maps:
            feature_map.fit(images, seed)
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, *image_shape) -> (B, D) float32."""
        return torch.cat([feature_map.transform(images) for feature_map in self.maps], 1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """The sum of what the maps contribute, each with its own weights."""
        weights = weight.split([feature_map.dim for feature_map in self.maps], -1)
        shares = [feature_map.attribute(images, part) for feature_map, part in zip(self.maps, weights, strict=True)]
        return torch.stack(shares).sum(0)

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, *image_shape) in [0, 1] -> (N, D)."""
        return graph.node("Concat", *[feature_map.to_onnx(graph, ink) for feature_map in self.maps], axis=1)


class Combined(Concatenation):
    """x = the features of `Scattering`, then those of `Patches` with 64 filters: D = 3,969 + 2,048, in colour 11,907 + 2,048."""

    name = "both"

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__(image_shape, scattering=Scattering(image_shape), patches=Patches(image_shape, FILTERS))


class Views(Concatenation):
    """x = the features of `both`, then those of 64 more filters on the digit centred, but not upright: D = 3,969 + 2,048 + 2,048.

    Deskewing makes slanted and upright digits alike, and now and then a digit like another: the second view keeps them apart.
    """

    name = "views"

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__(
            image_shape,
            scattering=Scattering(image_shape),
            patches=Patches(image_shape, FILTERS),
            slanted=Patches(image_shape, FILTERS, CentredPlane()),
        )
