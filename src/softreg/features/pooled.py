"""What patches and scattering share: activations >= 0 over the upright image, pooled, square-rooted, standardised.

With u_c(q) >= 0 the activation of channel c at place q, and g_k(q) the Gaussian window of cell k, the features are::

    z_ck = sum_q g_k(q) u_c(q),      x_ck = (sqrt(z_ck) - m_ck) / s_ck

m and s are mean and standard deviation over training images. The root makes strokes of different ink alike and a sum of many
small things more nearly normal (Perronnin, Sanchez and Mensink, Improving the Fisher kernel, ECCV 2010).
"""

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor

from softreg.features.deskew import moves, unwarp, warp
from softreg.features.feature_map import FeatureMap

SAMPLE = 6000  # images that mean and deviation are estimated from, at most
FLOOR = 0.05  # of the mean deviation, added to every one: a feature that hardly varies is not blown up
EMPTY = 1e-3  # activation and ink that are added everywhere when evidence is shared out: an empty cell spreads it evenly
REACH = 1.5  # pixels, the deviation of the finest filters' envelopes


class Pooled(FeatureMap):
    """Standardised square roots of pooled activations. Subclasses say which activations, and of what places which windows.

    Buffers: mean (D,), scale (D,) = 1 / s.
    """

    stored, unit = torch.int8, 1 / 16  # in sixteenths of a deviation: a quarter of float32

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

    def fit(self, images: Tensor, seed: int) -> Self:
        """Mean and deviation of the features, from up to 6,000 images."""
        sample = subsample(images, SAMPLE)
        self.mean.zero_()
        self.scale.fill_(1)
        x = self(sample)  # (N, D), the roots themselves
        deviation, mean = torch.std_mean(x, dim=0, correction=0)
        self.mean.copy_(mean)
        self.scale.copy_(1 / (deviation + FLOOR * deviation.mean() + 1e-6))
        return self

    @torch.no_grad()
    def transform(self, images: Tensor) -> Tensor:
        """Images (B, 28, 28) -> (B, D) float32."""
        ink = images.float() / 255
        upright = warp(ink, *moves(ink))
        x = torch.cat([_pool(u, g) for u, g in self.activations(upright)], 1).clamp_min_(0).sqrt_()  # (B, D)
        return x.sub_(self.mean).mul_(self.scale)

    @torch.no_grad()
    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Share out each feature's evidence, weight_j x_j, over the pixels: images (N, 28, 28), weight (D,) -> (N, 28, 28).

        The evidence of channel c in cell k goes to the places q the cell pooled, in proportion to what each gave, and from a place
        to the ink I that the filter saw there, h being a Gaussian of the filters' width::

            share(q) = sum_ck e_ck g_k(q) (u_c(q) + eps) / sum_q' g_k(q') (u_c(q') + eps)
            share(p) = sum_q share(q) h(p - q) (I(p) + eps) / sum_p' h(p' - q) (I(p') + eps)

        and from the upright image back to where its pixels came from. All of e is shared, also what is due to the mean: that
        a cell is emptier than usual is evidence too, and it is drawn on the empty cell. Hence the sums are exact.
        """
        ink = images.float() / 255
        down, across = moves(ink)
        evidence = self.transform(images) * weight  # (N, D)
        upright, shares = warp(ink, down, across), torch.zeros_like(ink)
        start = 0
        for u, g in self.activations(upright):
            end = start + u.shape[2] * g.shape[1] ** 2
            shares += _spread(evidence[:, start:end], u + EMPTY, g)
            start = end
        return unwarp(_onto_ink(shares, upright), down, across)


def subsample(images: Tensor, count: int) -> Tensor:
    """At most `count` of the images, from the first on.

    The step is odd: MNIST's images come in turn from two groups of writers, and every second one is of one group alone.
    """
    return images[:: max(1, len(images) // count) | 1][:count]


def _pool(u: Tensor, g: Tensor) -> Tensor:
    """Activations (H, B, C, W) in windows (H, K) -> (B, C K K): two products with contiguous matrices, no copy between."""
    h, b, c, _ = u.shape
    k = g.shape[1]
    columns = u @ g  # (H, B, C, K)
    cells = g.T @ columns.reshape(h, -1)  # (K, B C K)
    return cells.view(k, b, c, k).permute(1, 2, 0, 3).reshape(b, -1)


def _spread(evidence: Tensor, u: Tensor, g: Tensor) -> Tensor:
    """Evidence (B, C K K) of cells onto the places (H, B, C, W) they pooled, summed over channels -> (B, 28, 28)."""
    h, b, c, _ = u.shape
    k = g.shape[1]
    share = evidence.view(b, c, k, k) / _pool(u, g).view(b, c, k, k)  # per unit of activation
    places = torch.einsum("bckl,hk,wl,hbcw->bhw", share, g, g, u)  # (B, H, W)
    fine = 28 // h  # a place on a coarser grid stands for a square of pixels
    return places.repeat_interleave(fine, 1).repeat_interleave(fine, 2) / fine**2


def _onto_ink(shares: Tensor, ink: Tensor) -> Tensor:
    """What stands on places (B, 28, 28), moved onto the ink (B, 28, 28) within a filter's reach; sums are kept."""
    pixel = torch.arange(28.0, device=ink.device)
    h = torch.exp(-(pixel[:, None] - pixel).square() / (2 * REACH**2))  # (28, 28), symmetric
    ink = ink + EMPTY
    return ink * (h @ (shares / (h @ ink @ h)) @ h)


def windows(places: int, cells: int, width: float, spacing: float) -> Tensor:
    """Gaussian windows (places, cells): centred, `spacing` pixels apart, of deviation `width` pixels, over 28 pixels; sums 1."""
    pixel = (torch.arange(places, dtype=torch.float64) + 0.5) * 28 / places  # (H,), the middles of the places
    centre = 14 + (torch.arange(cells, dtype=torch.float64) - (cells - 1) / 2) * spacing  # (K,)
    g = torch.exp(-(pixel[:, None] - centre).square() / (2 * width**2))
    return (g / g.sum(0)).float()
