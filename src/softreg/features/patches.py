"""The feature map `patches`: filters made from whitened patches of training images (Coates, Lee and Ng, AISTATS 2011).

Every 7 x 7 patch p of the image, of all colours together, is contrast-normalised, n = (p - mean p) / sqrt(var p + c), and whitened,
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
from torch.nn.functional import normalize

from softreg.features.graph_builder import GraphBuilder
from softreg.features.planes import Planes
from softreg.features.pooled import Pooled, Windows, subsample, windows
from softreg.image_format import SIDE

SIZE = 7
FILTERS = 160
STRIDE = 2
CELLS, SPACING, WIDTH = 4, 5.6, 3.0  # of the pooling, in pixels
CONTRAST = (10 / 255) ** 2  # c: patches of less contrast are not amplified
RIDGE = 0.1  # eps, of the mean variance
N_PATCHES = 100_000  # that the whitening is estimated from
N_NUMBERS = 4000 * 14**2 * SIZE**2  # in the patches of the images that these are taken from: of 4,000 of MNIST's
MIN_DEVIATION = 0.05  # of a patch's pixels; below, it counts as empty


class Patches(Pooled):
    """x of `Pooled` from both sides of 160 filters in 4 x 4 cells: D = 5,120.

    Buffers: filters (49 P, F), with whitening and the patch's own mean folded in; offset (F,).
    """

    name = "patches"

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE), n_filters: int = FILTERS, planes: Planes | None = None) -> None:
        super().__init__(image_shape, 2 * n_filters, CELLS, planes)
        self.patch_dim = SIZE**2 * self.planes.count
        self.register_buffer("filters", torch.zeros(self.patch_dim, n_filters))
        self.register_buffer("offset", torch.zeros(n_filters))
        for name, side in (("windows", self.planes.height), ("windows_across", self.planes.width)):
            self.register_buffer(name, windows(side, STRIDE, CELLS, WIDTH, SPACING), persistent=False)
        self.filters: Tensor
        self.offset: Tensor
        self.windows: Tensor
        self.windows_across: Tensor

    def fit(self, images: Tensor, seed: int) -> Self:
        """Whitening and filters from patches of up to 4,000 images (fewer in colour), then mean and deviation."""
        generator = Generator().manual_seed(seed)
        n_places = len(self.windows) * len(self.windows_across)
        planes = self.planes(subsample(images, N_NUMBERS // (n_places * self.patch_dim)))
        n = self.normalised_patches(planes).flatten(0, 2)  # (patches, 49 P)
        drawn = self.extract_patches(planes).flatten(0, 2).std(1) > MIN_DEVIATION
        n = n[drawn if int(drawn.sum()) > self.patch_dim else slice(None)]  # of faint images, all
        n = n[torch.randperm(len(n), generator=generator)[:N_PATCHES].to(n.device)]
        mean, whitening = whiten(n)
        filters = normalize((n[: self.filters.shape[1]] - mean) @ whitening, dim=1)  # (F or fewer, 49 P)
        self.filters.zero_()[:, : len(filters)] = whitening @ filters.T
        self.offset.copy_(-(mean @ self.filters))
        return super().fit(images, seed)

    def activations(self, planes: Tensor) -> list[tuple[Tensor, Windows]]:
        """Planes (B, P, H, W) -> u+ and u- (H', B, 2F, W'), with their windows."""
        n = self.normalised_patches(planes).permute(1, 0, 2, 3)  # (H', B, W', 49 P)
        response = torch.addmm(self.offset, n.reshape(-1, self.patch_dim), self.filters).view(*n.shape[:3], -1)
        sides = torch.cat([response, -response], 3).clamp_min_(0)  # (H', B, W', 2F)
        return [(sides.transpose(2, 3), (self.windows, self.windows_across))]

    def activations_onnx(self, graph: GraphBuilder, planes: str) -> list[tuple[str, Windows]]:
        """The same of planes (N, P, H, W); a convolution with unit kernels extracts the patches."""
        units = graph.constant(np.eye(self.patch_dim, dtype=np.float32).reshape(-1, self.planes.count, SIZE, SIZE))
        padded = self.planes.padded_onnx(graph, planes, SIZE // 2)
        p = graph.node("Conv", padded, units, strides=[STRIDE] * 2)  # (N, 49 P, H', W')
        share = graph.constant(1 / self.patch_dim)
        p = graph.node("Sub", p, graph.node("Mul", graph.sum(p, 1), share))
        variance = graph.node("Mul", graph.sum(graph.node("Mul", p, p), 1), share)
        n = graph.node("Div", p, graph.node("Sqrt", graph.node("Add", variance, graph.constant(CONTRAST))))
        filters = graph.constant(self.filters.T[:, :, None, None])  # (F, 49 P, 1, 1)
        response = graph.node("Conv", n, filters, graph.constant(self.offset))
        sides = graph.node("Relu", graph.node("Concat", response, graph.node("Neg", response), axis=1))  # (N, 2F, H', W')
        return [(sides, (self.windows, self.windows_across))]

    def extract_patches(self, planes: Tensor) -> Tensor:
        """The patches around every second pixel of planes (B, P, H, W): (B, H', W', 49 P)."""
        padded = self.planes.padded(planes, SIZE // 2)
        return padded.unfold(2, SIZE, STRIDE).unfold(3, SIZE, STRIDE).permute(0, 2, 3, 1, 4, 5).flatten(3)

    def normalised_patches(self, planes: Tensor) -> Tensor:
        """The patches of planes (B, P, H, W), of mean zero and about deviation one: (B, H', W', 49 P)."""
        p = self.extract_patches(planes)
        p = p - p.mean(3, keepdim=True)
        return p / (p.square().mean(3, keepdim=True) + CONTRAST).sqrt()


def whiten(n: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (K,) and symmetric whitening matrix (K, K) of rows n (N, K), computed in float64."""
    mean = n.mean(0)
    centred = (n - mean).double()
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(n))
    root = (variances.clamp_min(0) + RIDGE * variances.mean() + 1e-9).rsqrt()
    return mean, ((axes * root) @ axes.T).float()
