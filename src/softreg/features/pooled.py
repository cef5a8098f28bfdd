"""The base of `patches` and `scattering`: non-negative activations of the upright image, pooled, square-rooted, standardised.

With u_c(q) >= 0 the activation of channel c at place q, and g_k(q) the Gaussian window of cell k, the features are::

    z_ck = sum_q g_k(q) u_c(q),      x_ck = (sqrt(z_ck) - m_ck) / s_ck

m and s are mean and standard deviation over training images. The square root reduces the influence of how dark a stroke is, and
makes the distribution more nearly normal (Perronnin, Sanchez and Mensink, Improving the Fisher kernel, ECCV 2010).
"""

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor

from softreg.features.deskew import alignment, deskew_onnx, unwarp, warp
from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

N_IMAGES = 6000  # that mean and deviation are estimated from, at most
FLOOR = 0.05  # of the mean deviation, added to each deviation: a feature that hardly varies is not amplified
EPS = 1e-3  # added to activations and ink when evidence is distributed: an empty cell spreads it evenly
FILTER_WIDTH = 1.5  # pixels, the standard deviation of the finest filters' envelopes


class Pooled(FeatureMap):
    """Standardised square roots of pooled activations. Subclasses define the activations and their windows.

    Buffers: mean (D,), scale (D,) = 1 / s.
    """

    storage_dtype, quantum = torch.int8, 1 / 16  # in sixteenths of a deviation: a quarter of float32's memory

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.mean: Tensor
        self.scale: Tensor

    @abstractmethod
    def activations(self, ink: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of upright images (B, 28, 28) in [0, 1]: groups of activations (H, B, C, W) >= 0, each with its windows (H, K), H = W."""

    def activations_onnx(self, graph: GraphBuilder, image: str) -> list[tuple[str, Tensor]]:
        """The same as nodes of an ONNX graph, for upright images (N, 1, 28, 28): activations (N, C, H, W) with their windows."""
        raise NotImplementedError

    def fit(self, images: Tensor, seed: int) -> Self:
        """Mean and deviation of the features, from up to 6,000 images."""
        sample = subsample(images, N_IMAGES)
        self.mean.zero_()
        self.scale.fill_(1)
        x = self(sample)  # (N, D), the square roots, not yet standardised
        deviation, mean = torch.std_mean(x, dim=0, correction=0)
        self.mean.copy_(mean)
        self.scale.copy_(1 / (deviation + FLOOR * deviation.mean() + 1e-6))
        return self

    @torch.no_grad()
    def transform(self, images: Tensor) -> Tensor:
        """Images (B, 28, 28) -> (B, D) float32."""
        ink = images.float() / 255
        upright = warp(ink, *alignment(ink))
        x = torch.cat([_pool(u, g) for u, g in self.activations(upright)], 1).clamp_min_(0).sqrt_()  # (B, D)
        return x.sub_(self.mean).mul_(self.scale)

    @torch.no_grad()
    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Distribute each feature's evidence, weight_j x_j, over the pixels: images (N, 28, 28), weight (D,) -> (N, 28, 28).

        The evidence of channel c in cell k goes to the positions q that the cell pooled, in proportion to their activations, and
        from each position to the ink I under the filter, h being a Gaussian of the filters' width::

            share(q) = sum_ck e_ck g_k(q) (u_c(q) + eps) / sum_q' g_k(q') (u_c(q') + eps)
            share(p) = sum_q share(q) h(p - q) (I(p) + eps) / sum_p' h(p' - q) (I(p') + eps)

        and from the upright image back to the original pixels. All of e is distributed, the part due to the mean included: that a
        cell is emptier than usual is evidence too, and it is assigned to the empty cell. Hence the sums are exact.
        """
        ink = images.float() / 255
        down, across = alignment(ink)
        evidence = self.transform(images) * weight  # (N, D)
        upright, shares = warp(ink, down, across), torch.zeros_like(ink)
        start = 0
        for u, g in self.activations(upright):
            end = start + u.shape[2] * g.shape[1] ** 2
            shares += _unpool(evidence[:, start:end], u + EPS, g)
            start = end
        return unwarp(_onto_ink(shares, upright), down, across)

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, 28, 28) in [0, 1] -> (N, D)."""
        activations = self.activations_onnx(graph, graph.add_channel(deskew_onnx(graph, ink)))
        pooled = graph.node("Concat", *[_pool_onnx(graph, u, g) for u, g in activations], axis=1)
        root = graph.node("Sqrt", graph.node("Relu", pooled))
        return graph.node("Mul", graph.node("Sub", root, graph.constant(self.mean)), graph.constant(self.scale))


def subsample(images: Tensor, count: int) -> Tensor:
    """At most `count` of the images, evenly spaced, starting with the first.

    The step is odd because MNIST's images alternate between two groups of writers; an even step would pick one group only.
    """
    return images[:: max(1, len(images) // count) | 1][:count]


def _pool(u: Tensor, g: Tensor) -> Tensor:
    """Activations (H, B, C, W) in windows (H, K) -> (B, C K K): two products with contiguous matrices, no copy between."""
    h, b, c, _ = u.shape
    k = g.shape[1]
    columns = u @ g  # (H, B, C, K)
    cells = g.T @ columns.reshape(h, -1)  # (K, B C K)
    return cells.view(k, b, c, k).permute(1, 2, 0, 3).reshape(b, -1)


def _pool_onnx(graph: GraphBuilder, u: str, g: Tensor) -> str:
    """`_pool`: activations (N, C, H, W) in windows (H, K) -> (N, C K K)."""
    cells = graph.node("MatMul", graph.constant(g.T), graph.node("MatMul", u, graph.constant(g)))
    return graph.node("Flatten", cells, axis=1)


def _unpool(evidence: Tensor, u: Tensor, g: Tensor) -> Tensor:
    """Evidence (B, C K K) of cells, distributed over the activations (H, B, C, W) they pooled and summed over C: (B, 28, 28)."""
    h, b, c, _ = u.shape
    k = g.shape[1]
    share = evidence.view(b, c, k, k) / _pool(u, g).view(b, c, k, k)  # per unit of activation
    places = torch.einsum("bckl,hk,wl,hbcw->bhw", share, g, g, u)  # (B, H, W)
    fine = SIDE // h  # a position on a coarser grid stands for a square of pixels
    return places.repeat_interleave(fine, 1).repeat_interleave(fine, 2) / fine**2


def _onto_ink(shares: Tensor, ink: Tensor) -> Tensor:
    """Evidence at positions (B, 28, 28), moved onto the ink (B, 28, 28) under the filter there; each image's sum is kept."""
    pixel = torch.arange(float(SIDE), device=ink.device)
    h = torch.exp(-(pixel[:, None] - pixel).square() / (2 * FILTER_WIDTH**2))  # (28, 28), symmetric
    ink = ink + EPS
    return ink * (h @ (shares / (h @ ink @ h)) @ h)


def windows(places: int, cells: int, width: float, spacing: float) -> Tensor:
    """Gaussian windows (places, cells) over 28 pixels: `spacing` pixels apart, of deviation `width` pixels, each summing to 1."""
    pixel = (torch.arange(places, dtype=torch.float64) + 0.5) * SIDE / places  # (H,), the middles of the positions
    centre = SIDE / 2 + (torch.arange(cells, dtype=torch.float64) - (cells - 1) / 2) * spacing  # (K,)
    g = torch.exp(-(pixel[:, None] - centre).square() / (2 * width**2))
    return (g / g.sum(0)).float()
