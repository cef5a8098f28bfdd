"""The base of `patches` and `scattering`: non-negative activations of an image, pooled, square-rooted, standardised.

With u_c(q) >= 0 the activation of channel c at place q, and g_k(q) the Gaussian window of cell k, the features are::

    z_ck = sum_q g_k(q) u_c(q),      x_ck = (sqrt(z_ck) - m_ck) / s_ck

m and s are mean and standard deviation over training images. The square root reduces the influence of how dark a stroke is, and
makes the distribution more nearly normal (Perronnin, Sanchez and Mensink, Improving the Fisher kernel, ECCV 2010). The cells are a
square grid over the whole image: their distance and width are given for 28 pixels a side, and grow with it.
"""

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.features.planes import Planes, planes_of
from softreg.image_format import SIDE

N_IMAGES = 6000  # that mean and deviation are estimated from, at most
FLOOR = 0.05  # of the mean deviation, added to each deviation: a feature that hardly varies is not amplified
EPS = 1e-3  # added to activations and ink when evidence is distributed: an empty cell spreads it evenly
FILTER_WIDTH = 1.5  # pixels, the standard deviation of the finest filters' envelopes


Windows = tuple[Tensor, Tensor]  # (H, K) of the rows, (W, K) of the columns


class Pooled(FeatureMap):
    """Standardised square roots of pooled activations. Subclasses define the activations and their windows.

    Buffers: mean (D,), scale (D,) = 1 / s.
    """

    storage_dtype, quantum = torch.int8, 1 / 16  # in sixteenths of a deviation: a quarter of float32's memory

    def __init__(self, image_shape: tuple[int, ...], channels: int, cells: int, planes: Planes | None = None) -> None:
        super().__init__()
        self.image_shape, self.planes = image_shape, planes or planes_of(image_shape)
        self.dim = channels * cells**2
        self.register_buffer("mean", torch.zeros(self.dim))
        self.register_buffer("scale", torch.ones(self.dim))
        self.mean: Tensor
        self.scale: Tensor

    @abstractmethod
    def activations(self, planes: Tensor) -> list[tuple[Tensor, Windows]]:
        """Of planes (B, P, H, W) in [0, 1]: groups of activations (H', B, C, W') >= 0, each with its windows."""

    def activations_onnx(self, graph: GraphBuilder, planes: str) -> list[tuple[str, Windows]]:
        """The same as nodes of an ONNX graph, for planes (N, P, H, W): activations (N, C, H', W') with their windows."""
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
        """Images (B, *image_shape) -> (B, D) float32."""
        x = torch.cat([_pool(u, g) for u, g in self.activations(self.planes(images))], 1).clamp_min_(0).sqrt_()  # (B, D)
        return x.sub_(self.mean).mul_(self.scale)

    @torch.no_grad()
    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Distribute each feature's evidence, weight_j x_j, over the pixels: images, weight -> (N, H, W).

        The evidence of channel c in cell k goes to the positions q that the cell pooled, in proportion to their activations, and
        from each position to the pixels p under the filter, h being a Gaussian of the filters' width and M the ink of MNIST's
        images, or 1 of other images::

            share(q) = sum_ck e_ck g_k(q) (u_c(q) + eps) / sum_q' g_k(q') (u_c(q') + eps)
            share(p) = sum_q share(q) h(p - q) (M(p) + eps) / sum_p' h(p' - q) (M(p') + eps)

        and from the planes back to the pixels of the image. All of e is distributed, the part due to the mean included: that a
        cell is emptier than usual is evidence too, and it is assigned to the empty cell. Hence the sums are exact.
        """
        planes = self.planes(images)
        evidence = self.transform(images) * weight  # (N, D)
        mass = self.planes.mass(planes)  # (N, H, W)
        shares, start = mass.new_zeros(len(evidence), *mass.shape[1:]), 0
        for u, g in self.activations(planes):
            end = start + u.shape[2] * g[0].shape[1] ** 2
            shares += _unpool(evidence[:, start:end], u + EPS, g, mass.shape[1:])
            start = end
        return self.planes.to_image(_onto(mass, shares), images)

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, *image_shape) in [0, 1] -> (N, D)."""
        activations = self.activations_onnx(graph, self.planes.to_onnx(graph, ink))
        pooled = graph.node("Concat", *[_pool_onnx(graph, u, g) for u, g in activations], axis=1)
        root = graph.node("Sqrt", graph.node("Relu", pooled))
        return graph.node("Mul", graph.node("Sub", root, graph.constant(self.mean)), graph.constant(self.scale))


def subsample(images: Tensor, count: int) -> Tensor:
    """At most `count` of the images, evenly spaced, starting with the first.

    The step is odd because MNIST's images alternate between two groups of writers; an even step would pick one group only.
    """
    return images[:: max(1, len(images) // count) | 1][:count]


def _pool(u: Tensor, g: Windows) -> Tensor:
    """Activations (H, B, C, W) in windows -> (B, C K K): two products with contiguous matrices, no copy between."""
    h, b, c, _ = u.shape
    down, across = g
    k = down.shape[1]
    columns = u @ across  # (H, B, C, K)
    cells = down.T @ columns.reshape(h, -1)  # (K, B C K)
    return cells.view(k, b, c, k).permute(1, 2, 0, 3).reshape(b, -1)


def _pool_onnx(graph: GraphBuilder, u: str, g: Windows) -> str:
    """`_pool`: activations (N, C, H, W) in windows -> (N, C K K)."""
    down, across = g
    cells = graph.node("MatMul", graph.constant(down.T), graph.node("MatMul", u, graph.constant(across)))
    return graph.node("Flatten", cells, axis=1)


def _unpool(evidence: Tensor, u: Tensor, g: Windows, size: torch.Size) -> Tensor:
    """Evidence (B, C K K) of cells, distributed over the activations (H', B, C, W') they pooled and summed over C: (B, *size)."""
    _, b, c, _ = u.shape
    down, across = g
    k = down.shape[1]
    share = evidence.reshape(-1, c, k, k) / _pool(u, g).view(b, c, k, k)  # per unit of activation
    places = torch.einsum("bckl,hk,wl,hbcw->bhw", share, down, across, u)  # (B, H', W')
    rows, columns = (_pixels_of(n, side).to(u) for n, side in zip(places.shape[1:], size, strict=True))
    return rows @ places @ columns.T


def _pixels_of(places: int, side: int) -> Tensor:
    """The matrix (side, places) that shares evidence at a position on a coarser grid evenly among the pixels it stands for."""
    of_pixel = torch.arange(side) // -(-side // places)  # (side,)
    return one_hot(of_pixel, places) / of_pixel.bincount(minlength=places)


def _onto(mass: Tensor, shares: Tensor) -> Tensor:
    """Evidence at positions (B, H, W), moved onto the mass (B, H, W) under the filter there; each image's sum is kept."""
    down, across = (_gaussian(side).to(mass) for side in mass.shape[1:])
    mass = mass + EPS
    return mass * (down @ (shares / (down @ mass @ across)) @ across)


def _gaussian(side: int) -> Tensor:
    """exp(-(p - q)^2 / (2 FILTER_WIDTH^2)) of all pixels p and q: (side, side), symmetric."""
    pixel = torch.arange(float(side))
    return torch.exp(-(pixel[:, None] - pixel).square() / (2 * FILTER_WIDTH**2))


def windows(side: int, stride: int, cells: int, width: float, spacing: float) -> Tensor:
    """Gaussian windows (places, cells) over every `stride`-th of `side` pixels, each summing to 1.

    Of 28 pixels they are `spacing` pixels apart, and of deviation `width`; of more or fewer in proportion.
    """
    places, scale = -(-side // stride), side / SIDE
    pixel = (torch.arange(places, dtype=torch.float64) + 0.5) * side / places  # (places,), the middles of the positions
    centre = side / 2 + (torch.arange(cells, dtype=torch.float64) - (cells - 1) / 2) * (spacing * scale)  # (K,)
    g = torch.exp(-(pixel[:, None] - centre).square() / (2 * (width * scale) ** 2))
    return (g / g.sum(0)).float()
