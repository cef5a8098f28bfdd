"""The feature map `kernel`: a Gaussian kernel on the features of `views`, by Nystroem's method (Williams and Seeger, NIPS 2000).

The features of `views`, v, are projected onto their 160 principal axes, z = U^T v, and compared with the z_j of 4,096 training
images, the landmarks (features of patches weigh half; U has that weight in it)::

    k_j = exp(-g |z - z_j|^2),      x = R (k - m) / s,      R^T R = (K + eps I)^-1,      K_ij = exp(-g |z_i - z_j|^2)

with m the mean of the rows of K, so that the product x . x' of two images is about their kernel, centred: a linear layer on x is
about a kernel machine whose support vectors are the landmarks. This is a second nonlinearity: what one part of a digit says
depends on the others. Labels are not used.

R is only defined up to a rotation. Here it is H L^-1, with L L^T = K + eps I Cholesky's factorisation and H a Hadamard matrix. L^-1
alone would give most of the variance to the first landmarks; the rotation shares it evenly, so that one step serves to store all
features in eight bits. All but the axes and the landmarks follows from them and is computed when it is first needed, in about a
second.

A linear layer on x is one on k: W x = A (k - m), with A = W R / s the dual coefficients of kernel machines. So predictions need
no x.
"""

from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from softreg.features.combined import Views
from softreg.features.feature_map import FeatureMap, in_chunks
from softreg.features.graph_builder import GraphBuilder
from softreg.features.nystroem import TINY, Nystroem, nystroem_of
from softreg.image_format import SIDE

LANDMARKS = 4096
PATCH_WEIGHT = 0.5  # of features of patches, among which the principal axes are found; those of wavelets weigh 1
OVERSAMPLING, POWER_ITERATIONS = 32, 4  # of the principal axes: directions more than wanted, products with the covariance
BATCH_SIZE = 1000  # images whose k is in memory at a time


class Kernel(FeatureMap):
    """The rotated Nystroem features of the Gaussian kernel with 4,096 landmarks: D = 4,096.

    Buffers: those of `views`; axes int8 (D', A) and axis_scale (A,), U = axes * axis_scale; landmarks int8 (M, A) and
    landmark_scale (A,), z_j = landmarks * landmark_scale.
    """

    name = "kernel"
    storage_dtype, quantum = torch.int8, 1 / 16
    projected_dim = 160  # A

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__()
        self.image_shape, self.dim = image_shape, LANDMARKS
        self.views = Views(image_shape)
        for name, rows in (("axes", self.views.dim), ("landmarks", LANDMARKS)):
            self.register_buffer(name, torch.zeros(rows, self.projected_dim, dtype=torch.int8))
        for name in ("axis_scale", "landmark_scale"):
            self.register_buffer(name, torch.ones(self.projected_dim))
        self.axes: Tensor
        self.axis_scale: Tensor
        self.landmarks: Tensor
        self.landmark_scale: Tensor
        self._nystroem: Nystroem | None = None
        self._dual: tuple[Tensor, Tensor] | None = None  # the last weight, and its dual coefficients
        self.register_load_state_dict_post_hook(_buffers_changed)  # type: ignore[no-untyped-call]

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fit `views`; draw the landmarks among the images, and find the principal axes of their features."""
        generator = Generator().manual_seed(seed)
        self.views.fit(images, seed)
        drawn = torch.randperm(len(images), generator=generator)[:LANDMARKS].to(images.device)
        v = self.views(images[drawn])  # (M or fewer, D')
        axes, scale = _in_eight_bits(self.axes_of(v, images[drawn], generator))
        self.axes.copy_(axes)
        self.axis_scale.copy_(scale)
        z, scale = _in_eight_bits(v @ (axes * scale))
        self.landmarks.copy_(z[torch.arange(LANDMARKS) % len(z)])  # of fewer images, each is so many landmarks
        self.landmark_scale.copy_(scale)
        self._nystroem = self._dual = None
        return self

    def axes_of(self, v: Tensor, images: Tensor, generator: Generator) -> Tensor:
        """U (D', A) in full precision, from the features v (M, D') of the landmarks `images`."""
        return self.weighted_axes(v, self.projected_dim, generator)

    def weighted_axes(self, v: Tensor, count: int, generator: Generator) -> Tensor:
        """The first `count` principal axes of features v (N, D') of which those of patches weigh half, times these weights."""
        weight = v.new_full((v.shape[1], 1), PATCH_WEIGHT)
        weight[: self.views.scattering.dim] = 1
        return weight * principal_axes(v * weight.T, count, generator)

    def nystroem(self) -> Nystroem:
        """What follows from axes and landmarks; computed once, also for a model that is loaded again."""
        if self._nystroem is None:
            self._nystroem = nystroem_of(self.axes, self.axis_scale, self.landmarks, self.landmark_scale)
        return self._nystroem

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, *image_shape) -> (B, D) float32."""
        return self.expand(self._project(images))

    def projections(self, images: Tensor) -> Tensor:
        """z (N, A) of images (N, *image_shape), in float64 where the device has it."""
        return in_chunks(self._project, images, self.projected_dim, self.nystroem().axes.dtype)

    def _project(self, images: Tensor) -> Tensor:
        return self.nystroem().project(self.views.transform(images))

    def expand(self, projections: Tensor) -> Tensor:
        """x (B, D), float32, of z (B, A)."""
        return self.nystroem().features(projections)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """The evidence, measured from the mean image z = 0, shared by the features of `views` and traced to the pixels from there.

        With e = R^T weight / s, the evidence is sum_j e_j (k_j(z) - k_j(0)) + sum_j e_j (k_j(0) - m_j). The second sum is the same
        for all images and is spread evenly over the pixels, with what rounding loses of the first. In the first, the distances
        change by D_j = |z - z_j|^2 - |z_j|^2 = (z - 2 z_j) . z, so that v has the weights U a, z being U^T v::

            a = sum_j e_j (k_j(z) - k_j(0)) / D_j (z - 2 z_j)

        (the rescale rule of DeepLIFT: Shrikumar, Greenside and Kundaje, ICML 2017).
        """
        nystroem = self.nystroem()
        z = nystroem.project(self.views(images))  # (N, A)
        e = nystroem.dual_coefficients(weight.reshape(-1, self.dim))  # (1 or N, M)
        weights = (nystroem.secant(z, e) @ nystroem.axes.T).float()  # (N, D')
        shares = self.views.attribute(images, weights)  # (N, H, W)
        evidence = (nystroem.centred(z) * e).sum(1)  # (N,)
        rest = (evidence - shares.to(z).sum((1, 2))) / shares[0].numel()
        return shares + rest.float()[:, None, None]

    def outputs(self, projections: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """W x + b (N, C) of z (N, A), without x: A (k - m) + b."""
        nystroem, dual = self.nystroem(), self._dual_coefficients(weight)
        evidence = torch.cat([nystroem.centred(z) @ dual.T for z in projections.split(BATCH_SIZE)])
        return evidence.to(bias) + bias

    def _dual_coefficients(self, weight: Tensor) -> Tensor:
        """Those of this weight, kept for when the same comes again: a picture is read in several calls."""
        if torch.is_grad_enabled():
            return self.nystroem().dual_coefficients(weight)
        dual = self._dual
        if dual is None or not torch.equal(dual[0], weight):
            self._dual = dual = weight.clone(), self.nystroem().dual_coefficients(weight)
        return dual[1]

    def logits_to_onnx(self, graph: GraphBuilder, ink: str, weight: Tensor, bias: Tensor, name: str) -> str:
        """The same, in float64 from `views` on. The graph holds axes and landmarks, in eight bits, and A, but no R."""
        nystroem = self.nystroem()
        gamma, landmarks = nystroem.gamma, nystroem.landmarks
        axes, columns = (graph.cast(graph.constant(matrix), torch.float64) for matrix in (self.axes, self.landmarks.T))
        v = graph.cast(self.views.to_onnx(graph, ink), torch.float64)
        z = graph.node("Mul", graph.node("MatMul", v, axes), graph.constant(self.axis_scale.double()))  # (N, A)
        scaled = graph.node("Mul", z, graph.constant(2 * gamma * self.landmark_scale.double()))
        product = graph.node("MatMul", scaled, columns)  # (N, M), 2 g z . z_j
        own = graph.node("Mul", graph.sum(graph.node("Mul", z, z), 1), graph.constant(landmarks.new_tensor(gamma)))
        norms = graph.node("Add", own, graph.constant(gamma * landmarks.square().sum(1)))
        k = graph.node("Exp", graph.node("Sub", product, norms))
        dual = nystroem.dual_coefficients(weight)
        evidence = graph.node("MatMul", graph.node("Sub", k, graph.constant(nystroem.mean)), graph.constant(dual.T))
        return graph.node("Add", graph.cast(evidence, torch.float32), graph.constant(bias), name=name)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """As the base: the buffers may go to another device, and what follows from them with them."""
        self._nystroem = self._dual = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def principal_axes(x: Tensor, count: int, generator: Generator) -> Tensor:
    """About the first `count` principal axes of rows x (N, D) of mean zero, orthonormal columns (D, count): subspace iteration.

    Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53, 2011, algorithm 4.4.
    """
    q = torch.randn(x.shape[1], count + OVERSAMPLING, generator=generator).to(x)
    for _ in range(POWER_ITERATIONS):
        q = torch.linalg.qr(x.T @ (x @ torch.linalg.qr(q).Q)).Q
    projected = x @ q  # (N, count + 32)
    _, turned = torch.linalg.eigh(projected.T @ projected)  # the largest last
    axes: Tensor = q @ turned.flip(1)[:, :count]
    return axes


def _buffers_changed(module: nn.Module, _: object) -> None:
    """Have `nystroem` computed again."""
    assert isinstance(module, Kernel)
    module._nystroem = module._dual = None


def _in_eight_bits(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (N, K) as integers int8 times a scale (K,) of each column."""
    scale = x.abs().amax(0).clamp_min(TINY) / 127
    return (x / scale).round_().to(torch.int8), scale
