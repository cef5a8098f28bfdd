"""The feature map `kernel`: a Gaussian kernel on the features of `views`, by Nystroem's method (Williams and Seeger, NIPS 2000).

The features of `views`, v, are projected onto their 320 principal axes, z = U^T v, and compared with the z_j of 4,096 training
images, the landmarks::

    k_j = exp(-g |z - z_j|^2),      x = R (k - m) / s,      R^T R = (K + eps I)^-1,      K_ij = exp(-g |z_i - z_j|^2)

with m the mean of the rows of K, so that the product x . x' of two images is about their kernel, centred: a linear layer on x is
about a kernel machine whose support vectors are the landmarks. This is a second nonlinearity: what one part of a digit says
depends on the others. Labels are not used.

R is only defined up to a rotation. Here it is the inverse of a Cholesky factor, turned by a Hadamard matrix. The factor alone would
give most of the variance to the first landmarks; the rotation shares it evenly, so that one step serves to store all features in
eight bits. All but the axes and the landmarks follows from them and is computed when it is first needed, in about a second.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from softreg.compute.device import accumulate_dtype
from softreg.features.combined import Views
from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

LANDMARKS, AXES = 4096, 320
INVERSE_WIDTH = 0.5  # g times the mean of |z_i - z_j|^2
RIDGE = 1e-2  # eps
OVERSAMPLING, POWER_ITERATIONS = 32, 4  # of the principal axes: directions more than wanted, products with the covariance
FAR = 1e15  # a bound on z that no image comes near, for a damaged file: the squares stay finite
TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Nystroem:
    """What follows from axes and landmarks: U (D', A), the z_j (M, A), g, R^T / s (M, M), and m (M,); float64 but for R.

    R amplifies what is rounded in k, hence float64.
    """

    axes: Tensor
    landmarks: Tensor
    gamma: float
    root: Tensor
    mean: Tensor

    def project(self, v: Tensor) -> Tensor:
        """z (B, A) of the features v (B, D')."""
        return (v.to(self.axes) @ self.axes).clamp_(-FAR, FAR)

    def kernel(self, z: Tensor) -> Tensor:
        """k (B, M) of z (B, A)."""
        return gaussian(z, self.landmarks, self.gamma)

    def features(self, z: Tensor) -> Tensor:
        """x (B, M), float32, of z (B, A)."""
        return (self.kernel(z) - self.mean).float() @ self.root

    def secant(self, z: Tensor, e: Tensor) -> Tensor:
        """a (N, A), where a . z = sum_j e_j (k_j(z) - k_j(0)): z (N, A), e (1 or N, M). One of z and e may have a single row."""
        at_mean = self.kernel(torch.zeros_like(z[:1]))  # (1, M)
        change = z.square().sum(1, keepdim=True) - 2 * z @ self.landmarks.T  # (N, M), of the squared distances
        slope = torch.where(change.abs() > TINY, at_mean * torch.expm1(-self.gamma * change) / change, -self.gamma * at_mean)
        parts = e * slope
        return parts.sum(1, keepdim=True) * z - 2 * parts @ self.landmarks


class Kernel(FeatureMap):
    """The rotated Nystroem features of the Gaussian kernel with 4,096 landmarks: D = 4,096.

    Buffers: those of `views`; axes int8 (D', A) and axis_scale (A,), U = axes * axis_scale; landmarks int8 (M, A) and
    landmark_scale (A,), z_j = landmarks * landmark_scale.
    """

    name = "kernel"
    storage_dtype, quantum = torch.int8, 1 / 16

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__()
        self.image_shape, self.dim = image_shape, LANDMARKS
        self.views = Views(image_shape)
        for name, rows in (("axes", self.views.dim), ("landmarks", LANDMARKS)):
            self.register_buffer(name, torch.zeros(rows, AXES, dtype=torch.int8))
        for name in ("axis_scale", "landmark_scale"):
            self.register_buffer(name, torch.ones(AXES))
        self.axes: Tensor
        self.axis_scale: Tensor
        self.landmarks: Tensor
        self.landmark_scale: Tensor
        self._nystroem: Nystroem | None = None
        self.register_load_state_dict_post_hook(_buffers_changed)  # type: ignore[no-untyped-call]

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fit `views`; draw the landmarks among the images, and find the principal axes of their features."""
        generator = Generator().manual_seed(seed)
        self.views.fit(images, seed)
        drawn = torch.randperm(len(images), generator=generator)[:LANDMARKS].to(images.device)
        v = self.views(images[drawn])  # (M or fewer, D')
        axes, scale = _in_eight_bits(principal_axes(v, AXES, generator))
        self.axes.copy_(axes)
        self.axis_scale.copy_(scale)
        z, scale = _in_eight_bits(v @ (axes * scale))
        self.landmarks.copy_(z[torch.arange(LANDMARKS) % len(z)])  # of fewer images, each is so many landmarks
        self.landmark_scale.copy_(scale)
        self._nystroem = None
        return self

    @torch.no_grad()
    def nystroem(self) -> Nystroem:
        """What follows from axes and landmarks; computed once."""
        if self._nystroem is None:
            precise = accumulate_dtype(self.landmarks.device)
            axes = self.axes * self.axis_scale.to(precise)
            landmarks = (self.landmarks * self.landmark_scale.to(precise)).clamp_(-FAR, FAR)
            spread = 2 * (landmarks.square().sum(1).mean() - landmarks.mean(0).square().sum())  # the mean of |z_i - z_j|^2
            gamma = INVERSE_WIDTH / max(float(spread), TINY)
            gram = gaussian(landmarks, landmarks, gamma)
            mean = gram.mean(0)
            gram.diagonal().add_(RIDGE)
            unit = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
            inverse = torch.linalg.solve_triangular(torch.linalg.cholesky(gram), unit, upper=False)
            scale = (1 - mean.mean()).clamp_min(RIDGE).sqrt()  # the variance of the kernel's features is about 1 - mean K
            self._nystroem = Nystroem(axes, landmarks, gamma, (hadamard(inverse.float()) / scale.float()).T.contiguous(), mean)
        return self._nystroem

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, *image_shape) -> (B, D) float32."""
        nystroem = self.nystroem()
        return nystroem.features(nystroem.project(self.views.transform(images)))

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
        e = (weight.reshape(-1, self.dim) @ nystroem.root.T).to(z)  # (1 or N, M)
        weights = (nystroem.secant(z, e) @ nystroem.axes.T).float()  # (N, D')
        shares = self.views.attribute(images, weights)  # (N, H, W)
        evidence = (nystroem.features(z) * weight).to(z).sum(1)  # (N,)
        rest = (evidence - shares.to(z).sum((1, 2))) / shares[0].numel()
        return shares + rest.float()[:, None, None]

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, *image_shape) in [0, 1] -> (N, D)."""
        nystroem = self.nystroem()
        z = graph.node("MatMul", self.views.to_onnx(graph, ink), graph.constant(nystroem.axes))
        landmarks = nystroem.landmarks
        product = graph.node("MatMul", z, graph.constant(2 * nystroem.gamma * landmarks.T))
        norms = graph.node("Mul", graph.sum(graph.node("Mul", z, z), 1), graph.constant(nystroem.gamma))
        constant = graph.constant(nystroem.gamma * landmarks.square().sum(1))
        k = graph.node("Exp", graph.node("Sub", product, graph.node("Add", norms, constant)))
        return graph.node("MatMul", graph.node("Sub", k, graph.constant(nystroem.mean)), graph.constant(nystroem.root))

    def _in_chunks(self, images: Tensor, dtype: torch.dtype, quantum: float) -> Tensor:
        """As the base, with `nystroem` computed before the threads that all need it."""
        self.nystroem()
        return super()._in_chunks(images, dtype, quantum)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """As the base: the buffers may go to another device, and what follows from them with them."""
        self._nystroem = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def gaussian(a: Tensor, b: Tensor, gamma: float) -> Tensor:
    """exp(-gamma |a_i - b_j|^2) of the rows of a (N, A) and b (M, A): (N, M)."""
    squares = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(squares, a, b.T, alpha=-2).clamp_min_(0).mul_(-gamma).exp_()


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


def hadamard(x: Tensor) -> Tensor:
    """The rows of x (M, K), M a power of four, mixed by Sylvester's M x M matrix of +-1: sqrt(M) times a rotation.

    It is the Kronecker product of two of its like of sqrt(M) x sqrt(M).
    """
    small = x.new_ones(1, 1)
    while len(small) ** 2 < len(x):
        small = torch.cat([torch.cat([small, small], 1), torch.cat([small, -small], 1)])
    rows = x.view(len(small), len(small), -1)
    return (small @ (small @ rows).flatten(1)).view_as(x)


def _buffers_changed(module: nn.Module, _: object) -> None:
    """Have `nystroem` computed again."""
    assert isinstance(module, Kernel)
    module._nystroem = None


def _in_eight_bits(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (N, K) as integers int8 times a scale (K,) of each column."""
    scale = x.abs().amax(0).clamp_min(TINY) / 127
    return (x / scale).round_().to(torch.int8), scale
