"""The feature map `patches`: filters made from whitened patches of training images (Coates, Lee and Ng, AISTATS 2011).

Every 7 x 7 patch p of the upright image is contrast-normalised, n = (p - mean p) / sqrt(var p + c), and whitened,
w = V (L + eps I)^-1/2 V^T (n - m), with m, V and L the mean and the principal axes of the training images' patches. The filters f
are whitened patches, drawn at random and scaled to unit length. The activations of `Pooled` are both sides of the response::

    u+ = max(f . w, 0),      u- = max(-f . w, 0)

It is fast because whitening is folded into the filters, and because the responses are computed at every second pixel only, for
small blocks of images that stay in the cache.
"""

from typing import Self

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize, pad

from softreg.features.deskew import deskew
from softreg.features.graph_builder import GraphBuilder
from softreg.features.pooled import Pooled, subsample, windows
from softreg.image_format import SIDE

SIZE = 7
FILTERS = 160
STRIDE = 2
CELLS, SPACING, WIDTH = 4, 5.6, 3.0  # of the pooling, in pixels
CONTRAST = (10 / 255) ** 2  # c: patches of less contrast are not amplified
RIDGE = 0.1  # eps, of the mean variance
N_PATCHES = 100_000  # that the whitening is estimated from
N_IMAGES = 4000  # that the patches are taken from
MIN_DEVIATION = 0.05  # of a patch's pixels; below, it counts as empty


class Patches(Pooled):
    """x of `Pooled` from both sides of 160 filters in 4 x 4 cells: D = 5,120.

    Buffers: filters (49, F), with whitening and the patch's own mean folded in; offset (F,).
    """

    name = "patches"

    def __init__(self, n_filters: int = FILTERS) -> None:
        super().__init__(2 * n_filters * CELLS**2)
        self.register_buffer("filters", torch.zeros(SIZE**2, n_filters))
        self.register_buffer("offset", torch.zeros(n_filters))
        self.register_buffer("windows", windows(SIDE // STRIDE, CELLS, WIDTH, SPACING), persistent=False)
        self.filters: Tensor
        self.offset: Tensor
        self.windows: Tensor

    def fit(self, images: Tensor, seed: int) -> Self:
        """Whitening and filters from patches of up to 4,000 images, then mean and deviation."""
        generator = Generator().manual_seed(seed)
        ink = deskew(subsample(images, N_IMAGES))
        n = normalise_patches(ink).flatten(0, 2)  # (patches, 49)
        n = n[extract_patches(ink).flatten(0, 2).std(1) > MIN_DEVIATION]
        n = n[torch.randperm(len(n), generator=generator)[:N_PATCHES].to(n.device)]
        mean, whitening = whiten(n)
        filters = normalize((n[: self.filters.shape[1]] - mean) @ whitening, dim=1)  # (F or fewer, 49)
        self.filters.zero_()[:, : len(filters)] = whitening @ filters.T
        self.offset.copy_(-(mean @ self.filters))
        return super().fit(images, seed)

    def activations(self, ink: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Upright images (B, 28, 28) -> u+ and u- (H, B, 2F, W), with their windows."""
        n = normalise_patches(ink).permute(1, 0, 2, 3)  # (H, B, W, 49)
        response = torch.addmm(self.offset, n.reshape(-1, SIZE**2), self.filters).view(*n.shape[:3], -1)
        sides = torch.cat([response, -response], 3).clamp_min_(0)  # (H, B, W, 2F)
        return [(sides.transpose(2, 3), self.windows)]

    def activations_onnx(self, graph: GraphBuilder, image: str) -> list[tuple[str, Tensor]]:
        """The same of upright images (N, 1, 28, 28); a convolution with the 49 unit kernels extracts the patches."""
        units = graph.constant(np.eye(SIZE**2, dtype=np.float32).reshape(-1, 1, SIZE, SIZE))
        p = graph.node("Conv", image, units, pads=[SIZE // 2] * 4, strides=[STRIDE] * 2)  # (N, 49, 14, 14)
        share = graph.constant(1 / SIZE**2)
        p = graph.node("Sub", p, graph.node("Mul", graph.sum(p, 1), share))
        variance = graph.node("Mul", graph.sum(graph.node("Mul", p, p), 1), share)
        n = graph.node("Div", p, graph.node("Sqrt", graph.node("Add", variance, graph.constant(CONTRAST))))
        filters = graph.constant(self.filters.T[:, :, None, None])  # (F, 49, 1, 1)
        response = graph.node("Conv", n, filters, graph.constant(self.offset))
        sides = graph.node("Relu", graph.node("Concat", response, graph.node("Neg", response), axis=1))  # (N, 2F, 14, 14)
        return [(sides, self.windows)]


def extract_patches(ink: Tensor) -> Tensor:
    """The patches around every second pixel of images (B, 28, 28): (B, H, W, 49), zero beyond the edge."""
    return pad(ink, [SIZE // 2] * 4).unfold(1, SIZE, STRIDE).unfold(2, SIZE, STRIDE).flatten(3)


def normalise_patches(ink: Tensor) -> Tensor:
    """The patches of images (B, 28, 28), of mean zero and about deviation one: (B, H, W, 49)."""
    p = extract_patches(ink)
    p = p - p.mean(3, keepdim=True)
    return p / (p.square().mean(3, keepdim=True) + CONTRAST).sqrt()


def whiten(n: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (49,) and symmetric whitening matrix (49, 49) of rows n (P, 49), computed in float64."""
    mean = n.mean(0)
    centred = (n - mean).double()
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(n))
    root = (variances.clamp_min(0) + RIDGE * variances.mean() + 1e-9).rsqrt()
    return mean, ((axes * root) @ axes.T).float()
