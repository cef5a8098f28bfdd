"""What the map `kernel` computes from its axes and landmarks: kernel values, whitened features, dual coefficients.

The symbols are those of `softreg.features.kernel`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from softreg.compute.device import accumulate_dtype

INVERSE_WIDTH = 0.5  # g times the mean of |z_i - z_j|^2
RIDGE = 1e-2  # eps
FAR = 1e15  # a bound on z that no image comes near, for a damaged file: the squares stay finite
TINY = 1e-30
ROUNDING = 1e-12  # of the mean square length of the landmarks: a spread that is not larger may be none


@dataclass(frozen=True, eq=False)
class Nystroem:
    """What follows from axes and landmarks: U (D', A), the z_j (M, A), g, L (M, M), m (M,) and s; in float64.

    R amplifies what is rounded in k, hence float64.
    """

    axes: Tensor
    landmarks: Tensor
    gamma: float
    factor: Tensor
    mean: Tensor
    scale: Tensor

    @classmethod
    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def of(cls, axes: Tensor, axis_scale: Tensor, landmarks: Tensor, landmark_scale: Tensor) -> Self:
        """Computed from the buffers of a map."""
        precise = accumulate_dtype(landmarks.device)
        z = (landmarks * landmark_scale.to(precise)).clamp_(-FAR, FAR)  # (M, A)
        mean_square = z.square().sum(1).mean()
        spread = 2 * (mean_square - z.mean(0).square().sum())  # the mean of |z_i - z_j|^2
        gamma = INVERSE_WIDTH / max(float(spread), ROUNDING * float(mean_square), TINY)
        gram = gaussian(z, z, gamma)
        mean = gram.mean(0)
        gram.diagonal().add_(RIDGE)
        scale = (1 - mean.mean()).clamp_min(RIDGE).sqrt()  # the variance of the kernel's features is about 1 - mean K
        return cls(axes * axis_scale.to(precise), z, gamma, torch.linalg.cholesky(gram), mean, scale)

    def project(self, v: Tensor) -> Tensor:
        """z (B, A) of the features v (B, D')."""
        return (v.to(self.axes) @ self.axes).clamp_(-FAR, FAR)

    @cached_property
    def norms(self) -> Tensor:
        """|z_j|^2 (M,): of one image, computing them takes as long as all else."""
        return self.landmarks.square().sum(1)

    def kernel(self, z: Tensor) -> Tensor:
        """k (B, M) of z (B, A)."""
        return gaussian(z, self.landmarks, self.gamma, self.norms)

    def centred(self, z: Tensor) -> Tensor:
        """k - m (B, M) of z (B, A)."""
        return self.kernel(z) - self.mean

    def features(self, z: Tensor) -> Tensor:
        """x (B, M), float32, of z (B, A)."""
        whitened = torch.linalg.solve_triangular(self.factor, self.centred(z).T, upper=False)
        return (hadamard(whitened.float()) / self.scale.float()).T

    def dual_coefficients(self, weight: Tensor) -> Tensor:
        """The dual coefficients A = W R / s (C, M) of weights W (C, M): W x = A (k - m)."""
        turned = hadamard(weight.T.to(self.factor)) / self.scale
        solved: Tensor = torch.linalg.solve_triangular(self.factor.T, turned, upper=True)  # (M, C)
        return solved.T

    def secant(self, z: Tensor, e: Tensor) -> Tensor:
        """a (N, A), where a . z = sum_j e_j (k_j(z) - k_j(0)): z (N, A), e (1 or N, M). One of z and e may have a single row."""
        at_mean = self.kernel(torch.zeros_like(z[:1]))  # (1, M)
        change = z.square().sum(1, keepdim=True) - 2 * z @ self.landmarks.T  # (N, M), of the squared distances
        slope = torch.where(change.abs() > TINY, at_mean * torch.expm1(-self.gamma * change) / change, -self.gamma * at_mean)
        parts = e * slope
        return parts.sum(1, keepdim=True) * z - 2 * parts @ self.landmarks


_last: tuple[tuple[Tensor, ...], Nystroem] | None = None  # what was computed last, and from what


def nystroem_of(*buffers: Tensor) -> Nystroem:
    """`Nystroem.of` these buffers; of those it was asked last, the same again: a process loads one model many times.

    What is kept takes 134 MB, and all maps with these buffers share it.
    """
    global _last  # noqa: PLW0603
    last = _last
    if last is None or not all(map(_same, last[0], buffers)):
        _last = last = tuple(buffer.clone() for buffer in buffers), Nystroem.of(*buffers)
    return last[1]


def gaussian(a: Tensor, b: Tensor, gamma: float, norms: Tensor | None = None) -> Tensor:
    """exp(-gamma |a_i - b_j|^2) of the rows of a (N, A) and b (M, A): (N, M); `norms` are |b_j|^2, if they are known."""
    squares = a.square().sum(1)[:, None] + (b.square().sum(1) if norms is None else norms)
    return torch.addmm(squares, a, b.T, alpha=-2).clamp_min_(0).mul_(-gamma).exp_()


def hadamard(x: Tensor) -> Tensor:
    """The rows of x (M, K), M a power of four, mixed by Sylvester's M x M matrix of +-1: sqrt(M) times a rotation.

    It is the Kronecker product of two of its like of sqrt(M) x sqrt(M).
    """
    small = x.new_ones(1, 1)
    while len(small) ** 2 < len(x):
        small = torch.cat([torch.cat([small, small], 1), torch.cat([small, -small], 1)])
    rows = x.reshape(len(small), len(small), -1)
    return (small @ (small @ rows).flatten(1)).view_as(x)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.device == other.device and torch.equal(one, other)
