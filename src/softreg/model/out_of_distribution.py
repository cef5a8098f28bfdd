"""The out-of-distribution detector: whether an image belongs to any class at all.

A classifier that only divides the plane among its classes cannot say: far from all of them its probabilities are most extreme. So a
second softmax regression, of two classes, tells images from synthetic outliers (`softreg.data.synthetic_outliers`). Its inputs come
from the logits z of a model that was not fitted on those images, and from its features x, or what they are computed from
(`FeatureMap.projections`). With y (K,) the principal components of x, standardised, and for each class c the mean m_c and the
Cholesky factor L_c of the inverse covariance (the precision) of y::

    s = (y, y^2, d, d^2, z_1, z_2, log sum_k exp z_k),      d = |L_c^T (y - m_c)|,  c = argmax z

d is the Mahalanobis distance from the predicted class (Lee et al., A simple unified framework for detecting out-of-distribution
samples, NeurIPS 2018), z_1 and z_2 are the two largest logits, and the last is the energy (Liu et al., NeurIPS 2020). An image is
out of distribution if w . s + b > 0; b is such that a given fraction of held-out images is, each scored by a w fitted without it.
"""

from dataclasses import dataclass
from math import isqrt

import torch
from torch import Generator, Tensor, nn

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of, pack, unpack
from softreg.optim.solvers.newton import Newton

COMPONENTS = 128
MAX_NUMEL = 2**22  # of the C triangular factors: with more than 256 classes there are fewer components
PCA_SAMPLE = 4000  # images that the components are estimated from
OVERSAMPLING, POWER_ITERATIONS = 32, 2  # of the randomised PCA: directions more than wanted, passes over the sample
SHRINKAGE = 0.02  # of the mean variance, added to the variances of each class
FOLDS = 5  # odd: MNIST's images alternate between two groups of writers, and every fold needs both
L2 = 1e-3  # of the regression, on standardised s
TOLERANCE, MAX_ITERATIONS = 1e-6, 100


@dataclass(frozen=True, eq=False)
class OODInputs:
    """What the detector is given of images: principal components y (N, K) and logits (N, C)."""

    y: Tensor
    logits: Tensor


class OODDetector(nn.Module):
    """Scores how unlike every class an image is, from its projections (N, D) and logits (N, C).

    Buffers: centre (K,) and axes (D, K), y = x @ axes - centre; mean (C, K); precision_cholesky (C, K, K), L_c; weight (2 K + 5,);
    bias ().
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        k = n_components(dim, classes)
        self.register_buffer("axes", torch.zeros(dim, k, dtype=torch.float16))
        self.register_buffer("centre", torch.zeros(k))
        self.register_buffer("mean", torch.zeros(classes, k))
        self.register_buffer("precision_cholesky", torch.zeros(classes, k, k))
        self.register_buffer("weight", torch.zeros(2 * k + 5))
        self.register_buffer("bias", torch.zeros(()))
        self.axes: Tensor
        self.centre: Tensor
        self.mean: Tensor
        self.precision_cholesky: Tensor
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """The scores (N,) of projections x (N, D) and logits (N, C): above zero an image is out of distribution."""
        scores: Tensor = self.statistics(OODInputs(self.components(x), logits)) @ self.weight + self.bias
        return scores

    def statistics(self, inputs: OODInputs) -> Tensor:
        """s (N, 2 K + 5), what the regression sees of an image."""
        y, logits = inputs.y, inputs.logits
        predicted = logits.argmax(1)
        centred = y - self.mean[predicted]  # (N, K)
        distance = y.new_zeros(len(y), 1)
        for c in predicted.unique().tolist():
            distance[predicted == c] = (centred[predicted == c] @ self.precision_cholesky[c]).norm(dim=1, keepdim=True)
        largest = logits.topk(2, dim=1).values  # (N, 2)
        return torch.cat([y, y.square(), distance, distance.square(), largest, logits.logsumexp(1, keepdim=True)], 1)

    def components(self, x: Tensor) -> Tensor:
        """The principal components y (N, K) of projections x (N, D)."""
        return x.float() @ self.axes.float() - self.centre

    def components_of(self, matrix: DesignMatrix) -> Tensor:
        """The principal components y (N, K) of the rows of a design matrix."""
        return logits_of(matrix, pack(self.axes.float().T, -self.centre))

    def fit_gaussians(self, matrix: DesignMatrix, outliers: Tensor, seed: int) -> None:
        """Fit PCA and a Gaussian per class, to the rows of a design matrix and the projections of outliers (M, D).

        PCA is fitted on images and outliers jointly, since outliers may vary along axes where images do not; each component is
        divided by the images' standard deviation. The Gaussians are fitted on images alone. A class of fewer than 2 K images has
        the covariance of all classes about their means, as Lee et al. have it for every class.
        """
        spaced = matrix.strided(max(1, matrix.n_rows_global // PCA_SAMPLE))
        sample = spaced.all_gather(spaced.rows_at(torch.arange(len(spaced)))[0])
        mean = sample.mean(0)
        joint = torch.cat([sample, outliers]).sub_(mean)
        axes = principal_axes(joint, self.axes.shape[1], Generator().manual_seed(seed))
        axes /= (joint[: len(sample)] @ axes).std(0).clamp_min(1e-6)
        self.axes.copy_(axes)
        self.centre.copy_(mean @ self.axes.float())
        y, labels = matrix.all_gather(self.components_of(matrix)), matrix.all_gather(matrix.labels)
        counts = labels.bincount(minlength=len(self.mean))
        pooled = torch.zeros_like(self.precision_cholesky[0], dtype=torch.float64)
        few = (counts < 2 * y.shape[1]).tolist()
        for c, is_few in enumerate(few):
            of_class = y[labels == c].double()  # (M, K)
            if len(of_class):
                self.mean[c] = of_class.mean(0)
            centred = of_class - self.mean[c]
            scatter = centred.T @ centred
            pooled += scatter
            if not is_few:
                self.precision_cholesky[c] = _precision_cholesky(scatter / len(of_class))
        if any(few):
            self.precision_cholesky[few] = _precision_cholesky(pooled / len(y)).float()

    def fit_threshold(self, images: OODInputs, outliers: OODInputs, false_positive_rate: float) -> None:
        """Fit weight and bias to held-out images and outliers, so that `false_positive_rate` of the images scores above zero.

        The weight is fitted on all of them; the bias on the cross-validated score of each image.
        """
        ours, theirs = self.statistics(images), self.statistics(outliers)
        deviation, mean = torch.std_mean(ours, dim=0)
        deviation = deviation.clamp_min(1e-6)
        ours, theirs = (ours - mean) / deviation, (theirs - mean) / deviation
        fold = torch.arange(len(ours), device=ours.device) % FOLDS
        scores = torch.cat([ours[fold == k] @ binary_logistic(ours[fold != k], theirs) for k in range(FOLDS)])
        self.weight.copy_(binary_logistic(ours, theirs) / deviation)
        self.bias.copy_(-(mean @ self.weight) - scores.quantile(1 - false_positive_rate))


def n_components(dim: int, classes: int) -> int:
    """K for D features and C classes."""
    return min(COMPONENTS, dim, isqrt(MAX_NUMEL // classes))


def _precision_cholesky(covariance: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a covariance (K, K), shrunk."""
    covariance = covariance.clone()
    covariance.diagonal().add_(SHRINKAGE * covariance.diagonal().mean() + 1e-6)
    factor: Tensor = torch.linalg.cholesky(torch.linalg.inv(covariance))
    return factor


def binary_logistic(negatives: Tensor, positives: Tensor) -> Tensor:
    """The weight (S,) of the logistic regression of positives (M, S) against negatives (N, S), both classes weighing the same."""
    rows = torch.cat([negatives, positives])
    labels = torch.cat([rows.new_zeros(len(negatives)), rows.new_ones(len(positives))]).long()
    class_weight = torch.tensor([1 / len(negatives), 1 / len(positives)], device=rows.device) * len(rows) / 2
    objective = Objective(DesignMatrix(rows, labels, weights=class_weight[labels]), 2, L2)
    state = minimize(Newton(TOLERANCE, MAX_ITERATIONS), objective, rows.new_zeros(2, rows.shape[1] + 1))
    weight, _ = unpack(state.theta)
    return weight[1] - weight[0]


def principal_axes(x: Tensor, count: int, generator: Generator) -> Tensor:
    """The `count` directions (D, count) of largest variance of centred rows x (N, D), approximately, by random projection.

    Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53, 2011, algorithm 4.4.
    """
    width = min(count + OVERSAMPLING, *x.shape)
    basis = torch.randn(x.shape[1], width, generator=generator).to(x.device)
    for _ in range(POWER_ITERATIONS):
        basis = torch.linalg.qr(x.T @ (x @ basis)).Q  # (D, width)
    projected = x @ basis
    vectors = torch.linalg.eigh(projected.T @ projected).eigenvectors.flip(1)  # (width, width), the largest first
    axes = basis @ vectors[:, :count]
    return torch.cat([axes, axes.new_zeros(len(axes), count - axes.shape[1])], 1)
