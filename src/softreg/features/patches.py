"""Patches: filters made from whitened patches of unlabelled training images (Coates, Lee and Ng, AISTATS 2011).

Every 7 x 7 patch p of the upright image is contrast-normalised, n = (p - mean p) / sqrt(var p + c), and whitened,
w = V (L + eps I)^-1/2 V^T (n - m), with m, V and L the mean and the principal axes of the training images' patches. The filters are
whitened patches f themselves, drawn at random and made of length one. The activations of `Pooled` are both sides of the response::

    u+ = max(f . w, 0),      u- = max(-f . w, 0)

What makes it fast: u+ and u- are (|f . w| +- f . w) / 2, whitening is folded into the filters, and the responses are taken at every
second pixel, in blocks of images that stay in the cache.
"""

from typing import Self

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize, pad

from softreg.features.deskew import deskew
from softreg.features.pooled import Pooled, subsample, windows

SIZE = 7
FILTERS = 160
STRIDE = 2
CELLS, SPACING, WIDTH = 4, 5.6, 3.0  # of the pooling, in pixels
CONTRAST = (10 / 255) ** 2  # c: fainter than this is not made louder
RIDGE = 0.1  # eps, of the mean variance
SAMPLE = 100_000  # patches that the whitening is estimated from
LEARN = 4000  # images that they are drawn from
PAPER = 0.05  # standard deviation of pixels under which a patch is taken for empty


class Patches(Pooled):
    """x of `Pooled` from both sides of 160 filters in 4 x 4 cells: D = 5,120.

    Buffers: filters (49, F), with whitening and the patch's own mean folded in; offset (F,).
    """

    name = "patches"

    def __init__(self, count: int = FILTERS) -> None:
        super().__init__(2 * count * CELLS**2)
        self.register_buffer("filters", torch.zeros(SIZE**2, count))
        self.register_buffer("offset", torch.zeros(count))
        self.register_buffer("windows", windows(28 // STRIDE, CELLS, WIDTH, SPACING), persistent=False)
        self.filters: Tensor
        self.offset: Tensor
        self.windows: Tensor

    def fit(self, images: Tensor, seed: int) -> Self:
        """Whitening and filters from patches of up to 4,000 images, then mean and deviation."""
        generator = Generator().manual_seed(seed)
        ink = deskew(subsample(images, LEARN))
        n = normalised(ink).flatten(0, 2)  # (patches, 49)
        n = n[cut(ink).flatten(0, 2).std(1) > PAPER]
        n = n[torch.randperm(len(n), generator=generator)[:SAMPLE].to(n.device)]
        mean, whitening = whiten(n)
        filters = normalize((n[: self.filters.shape[1]] - mean) @ whitening, dim=1)  # (F or fewer, 49)
        self.filters.zero_()[:, : len(filters)] = whitening @ filters.T
        self.offset.copy_(-(mean @ self.filters))
        return super().fit(images, seed)

    def activations(self, ink: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Upright images (B, 28, 28) -> both sides (H, B, 2F, W) with their windows."""
        n = normalised(ink).permute(1, 0, 2, 3)  # (H, B, W, 49)
        response = torch.addmm(self.offset, n.reshape(-1, SIZE**2), self.filters).view(*n.shape[:3], -1)
        both = torch.cat([response, -response], 3).clamp_min_(0)  # (H, B, W, 2F)
        return [(both.transpose(2, 3), self.windows)]


def cut(ink: Tensor) -> Tensor:
    """The patches around every second pixel of images (B, 28, 28): (B, H, W, 49), zero beyond the edge."""
    return pad(ink, [SIZE // 2] * 4).unfold(1, SIZE, STRIDE).unfold(2, SIZE, STRIDE).flatten(3)


def normalised(ink: Tensor) -> Tensor:
    """The patches of images (B, 28, 28), of mean zero and about deviation one: (B, H, W, 49)."""
    p = cut(ink)
    p = p - p.mean(3, keepdim=True)
    return p / (p.square().mean(3, keepdim=True) + CONTRAST).sqrt()


def whiten(n: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (49,) and symmetric whitening matrix (49, 49) of rows n (P, 49), in float64 on the way."""
    mean = n.mean(0)
    centred = (n - mean).double()
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(n))
    root = (variances.clamp_min(0) + RIDGE * variances.mean() + 1e-9).rsqrt()
    return mean, ((axes * root) @ axes.T).float()
