"""Does an image belong to any class at all? A softmax regression of two classes says so: the model's own, and impostors.

A model that only divides the plane among its classes cannot say this: far from all of them it is surest of all. What tells
outliers (`softreg.data.synthetic_outliers`) from images the model was not fitted on is taken
 from the model's own features x and logits z. With
y (K,) the principal components of x, standardised, and of each class c the mean m_c and the Cholesky factor L_c of the inverse
covariance of y::

    s = (y, y^2, d, d^2, z_1, z_2, log sum_k exp z_k),      d = |L_c^T (y - m_c)|,  c = argmax z

d being the distance from the class it is named (Lee et al., A simple unified framework for detecting out-of-distribution samples,
NeurIPS 2018), z_1 and z_2 the two largest logits, and the last one the energy (Liu et al., NeurIPS 2020). An image is novel if
w . s + b > 0; b is such that a chosen share of images set aside are, each judged by a w that was learnt without it.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of, pack, unpack
from softreg.optim.solvers.newton import Newton

COMPONENTS = 128
SAMPLE = 4000  # images that the components are estimated from
SPARE, PASSES = 32, 2  # of the randomised method: directions more than wanted, passes over the sample
SHRINKAGE = 0.02  # of the mean variance, added to the variances of each class
FOLDS = 5  # odd: MNIST's images come in turn from two groups of writers, and every fold needs both
PENALTY = 1e-3  # l2 of the regression, on standardised s
TOLERANCE, ITERATIONS = 1e-6, 100


@dataclass(frozen=True, eq=False)
class OODInputs:
    """Images as novelty sees them: components y (N, K) and logits (N, C)."""

    y: Tensor
    logits: Tensor


class OODDetector(nn.Module):
    """Says of features (N, D) and logits (N, C) whether the image was unlike any class.

    Buffers: centre (K,) and axes (D, K), y = x @ axes - centre; mean (C, K); root (C, K, K), L_c; weight (2 K + 5,); bias ().
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        k = min(COMPONENTS, dim)
        self.register_buffer("axes", torch.zeros(dim, k, dtype=torch.float16))
        self.register_buffer("centre", torch.zeros(k))
        self.register_buffer("mean", torch.zeros(classes, k))
        self.register_buffer("root", torch.zeros(classes, k, k))
        self.register_buffer("weight", torch.zeros(2 * k + 5))
        self.register_buffer("bias", torch.zeros(()))
        self.axes: Tensor
        self.centre: Tensor
        self.mean: Tensor
        self.root: Tensor
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """How novel images of features x (N, D) and logits (N, C) are, (N,): above zero they are unlike any class."""
        score: Tensor = self.statistics(OODInputs(self.components(x), logits)) @ self.weight + self.bias
        return score

    def statistics(self, seen: OODInputs) -> Tensor:
        """s (N, 2 K + 5)."""
        y, logits = seen.y, seen.logits
        named = logits.argmax(1)
        away = y - self.mean[named]  # (N, K)
        distance = y.new_zeros(len(y), 1)
        for c in named.unique().tolist():
            distance[named == c] = (away[named == c] @ self.root[c]).norm(dim=1, keepdim=True)
        largest = logits.topk(2, dim=1).values  # (N, 2)
        return torch.cat([y, y.square(), distance, distance.square(), largest, logits.logsumexp(1, keepdim=True)], 1)

    def components(self, x: Tensor) -> Tensor:
        """y (N, K) of features x (N, D)."""
        return x @ self.axes.float() - self.centre

    def components_of(self, matrix: DesignMatrix) -> Tensor:
        """y (N, K) of the rows of a design matrix."""
        return logits_of(matrix, pack(self.axes.float().T, -self.centre))

    def describe(self, matrix: DesignMatrix, impostors: Tensor, seed: int) -> None:
        """Fill the components and the classes' Gaussians, from the rows of a design matrix and the features of impostors (M, D).

        The axes are also those along which impostors vary, and images may not; the scale along each is the images'.
        """
        sample, _ = matrix.take(torch.arange(0, len(matrix), max(1, len(matrix) // SAMPLE)))
        middle = sample.mean(0)
        both = torch.cat([sample, impostors]).sub_(middle)
        axes = principal_axes(both, self.axes.shape[1], Generator().manual_seed(seed))
        axes /= (both[: len(sample)] @ axes).std(0).clamp_min(1e-6)
        self.axes.copy_(axes)
        self.centre.copy_(middle @ self.axes.float())
        y = self.components_of(matrix)
        for c in range(len(self.mean)):
            here = y[matrix.labels == c].double()  # (M, K)
            if len(here):
                self.mean[c] = here.mean(0)
            away = here - self.mean[c]
            covariance = away.T @ away / max(1, len(here))
            covariance.diagonal().add_(SHRINKAGE * covariance.diagonal().mean() + 1e-6)
            self.root[c] = torch.linalg.cholesky(torch.linalg.inv(covariance))

    def learn(self, images: OODInputs, impostors: OODInputs, share: float) -> None:
        """Learn weight and bias from images the model was not fitted on, and impostors; `share` of the images may be novel.

        The weight is learnt from all of them, the bias from the score of each image by a weight learnt without its fold.
        """
        ours, theirs = self.statistics(images), self.statistics(impostors)
        deviation, mean = torch.std_mean(ours, dim=0)
        deviation = deviation.clamp_min(1e-6)
        ours, theirs = (ours - mean) / deviation, (theirs - mean) / deviation
        fold = torch.arange(len(ours), device=ours.device) % FOLDS
        scores = torch.cat([ours[fold == k] @ binary_logistic(ours[fold != k], theirs) for k in range(FOLDS)])
        self.weight.copy_(binary_logistic(ours, theirs) / deviation)
        self.bias.copy_(-(mean @ self.weight) - scores.quantile(1 - share))


def binary_logistic(images: Tensor, impostors: Tensor) -> Tensor:
    """The weight (S,) of the regression that tells impostors (M, S) from images (N, S), either kind counting half."""
    rows = torch.cat([images, impostors])
    kind = torch.cat([rows.new_zeros(len(images)), rows.new_ones(len(impostors))]).long()
    balance = torch.tensor([1 / len(images), 1 / len(impostors)], device=rows.device) * len(rows) / 2
    objective = Objective(DesignMatrix(rows, kind, weights=balance[kind]), 2, PENALTY)
    state = minimize(Newton(TOLERANCE, ITERATIONS), objective, rows.new_zeros(2, rows.shape[1] + 1))
    weight, _ = unpack(state.theta)
    return weight[1] - weight[0]


def principal_axes(x: Tensor, count: int, generator: Generator) -> Tensor:
    """The `count` directions (D, count) of largest variance of centred rows x (N, D), nearly, by random projections.

    Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53, 2011, algorithm 4.4.
    """
    wide = min(count + SPARE, *x.shape)
    basis = torch.randn(x.shape[1], wide, generator=generator).to(x.device)
    for _ in range(PASSES):
        basis = torch.linalg.qr(x.T @ (x @ basis)).Q  # (D, wide)
    inside = x @ basis
    vectors = torch.linalg.eigh(inside.T @ inside).eigenvectors.flip(1)  # (wide, wide), the largest first
    axes = basis @ vectors[:, :count]
    return torch.cat([axes, axes.new_zeros(len(axes), count - axes.shape[1])], 1)
