"""The interface of feature maps: images uint8 (N, H, W) or (N, H, W, 3) -> vectors (N, D)."""

from collections import deque
from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from softreg.compute.progress import track
from softreg.compute.threads import thread_map
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

CHUNK = 100  # images per call of `transform`: intermediate results stay in the third-level cache


class FeatureMap(nn.Module):
    """A fixed map, images uint8 (N, *image_shape) -> (N, D) float32. All its state is in buffers of shapes known before `fit`.

    Attributes
    ----------
    name : its key in the registry
    dim : D
    projected_dim : P of `projections`
    image_shape : (H, W) or (H, W, 3) of the images it takes
    storage_dtype : the dtype of `quantised`
    quantum : the step of that quantisation: features are about `quantum * quantised`
    """

    name: str
    dim: int
    image_shape: tuple[int, ...] = (SIDE, SIDE)
    storage_dtype: ClassVar[torch.dtype] = torch.float32
    quantum: ClassVar[float] = 1.0

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fill the buffers from training images uint8 (N, *image_shape); the same seed gives the same buffers. Returns the map."""
        raise NotImplementedError

    def transform(self, images: Tensor) -> Tensor:
        """The features (B, D), float32, of a small batch of images uint8 (B, *image_shape)."""
        raise NotImplementedError

    @property
    def projected_dim(self) -> int:
        """P."""
        return self.dim

    def forward(self, images: Tensor) -> Tensor:
        """The features (N, D), float32, of any number of images uint8 (N, *image_shape), computed in chunks."""
        return in_chunks(self.transform, images, self.dim, torch.float32)

    def quantised(self, images: Tensor) -> Tensor:
        """The features (N, D) divided by `quantum`, as `storage_dtype`: the rows of a design matrix, smaller than float32."""
        return self._quantised(self.transform, images)

    def projections(self, images: Tensor) -> Tensor:
        """What the features are computed from (N, P), and what a detector of outliers sees: unless a map has less, the features."""
        x: Tensor = self(images)
        return x

    def quantised_from(self, projections: Tensor) -> Tensor:
        """As `quantised`, from projections (N, P)."""
        return self._quantised(self.expand, projections)

    def expand(self, projections: Tensor) -> Tensor:
        """The features (B, D), float32, of a small batch of projections (B, P)."""
        return projections

    def outputs(self, projections: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """W x + b (N, C) from projections (N, P), for the weight W (C, D) and bias b (C,); a map may need no features for that."""
        return linear(self.expand(projections), weight, bias)

    def _quantised(self, features: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        def quantise(chunk: Tensor) -> Tensor:
            return _quantise(features(chunk), self.storage_dtype, self.quantum)

        return in_chunks(quantise, inputs, self.dim, self.storage_dtype)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """The contribution of each pixel to features @ weight: images uint8 (N, *image_shape) -> (N, H, W).

        The weight is one for all images, (D,), or one for each, (N, D); a single image is taken apart by all of them at once.

        The contributions, float32, of an image's pixels sum to its evidence, sum_j weight_j x_j: the logit without the bias.
        """
        raise NotImplementedError

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Add this map to an ONNX graph: float32 images (N, *image_shape) in [0, 1] -> features (N, D); names in, name out.

        Raises
        ------
        NotImplementedError
            If the map cannot be written in ONNX's standard operators.
        """
        raise NotImplementedError

    def logits_to_onnx(self, graph: GraphBuilder, ink: str, weight: Tensor, bias: Tensor, name: str) -> str:
        """Add the outputs of a layer to an ONNX graph, float32 images (N, *image_shape) in [0, 1] -> (N, C); called `name`."""
        x = self.to_onnx(graph, ink)
        return graph.node("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1, name=name)


@torch.no_grad()
def in_chunks(of_chunk: Callable[[Tensor], Tensor], images: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """What `of_chunk` makes of all images, (N, width); the chunks are shared among threads."""
    x = torch.empty(len(images), width, dtype=dtype, device=images.device)
    starts = range(0, len(images), CHUNK)

    def fill(start: int) -> None:
        with torch.inference_mode(x.is_inference()), torch.no_grad():  # these modes are thread-local
            x[start : start + CHUNK] = of_chunk(images[start : start + CHUNK])

    with thread_map(images.device, len(starts)) as parallel_map:
        deque(track(parallel_map(fill, starts), "features", len(starts)), maxlen=0)
    return x


def _quantise(x: Tensor, dtype: torch.dtype, quantum: float) -> Tensor:
    """Features divided by `quantum`; for an integer dtype rounded and clipped to its range."""
    x = x / quantum
    if dtype.is_floating_point:
        return x.to(dtype)
    bounds = torch.iinfo(dtype)
    return x.round_().clamp_(bounds.min, bounds.max).to(dtype)
