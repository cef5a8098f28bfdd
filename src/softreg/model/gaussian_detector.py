"""The detector of most feature maps: how far the features of an image are from each class, and how sure its logits.

With y (K,) the principal components of its projections, standardised, and for each class c the mean m_c and the Cholesky factor L_c
of the inverse covariance (the precision) of y, the statistics are::

    s = (y, y^2, d, d^2, z_1, z_2, log sum_k exp z_k),      d = |L_c^T (y - m_c)|,  c = argmax z

d is the Mahalanobis distance from the predicted class (Lee et al., A simple unified framework for detecting out-of-distribution
samples, NeurIPS 2018).
"""

from math import isqrt

import torch
from torch import Generator, Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.model.out_of_distribution import Examples, OODDetector, logit_statistics
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import logits_of, pack

COMPONENTS = 128
MAX_NUMEL = 2**22  # of the C triangular factors: with more than 256 classes there are fewer components
PCA_SAMPLE = 4000  # images that the components are estimated from
OVERSAMPLING, POWER_ITERATIONS = 32, 2  # of the randomised PCA: directions more than wanted, passes over the sample
SHRINKAGE = 0.02  # of the mean variance, added to the variances of each class
MIN_DEVIATION = 1e-4  # of the images along an axis, where only outliers may vary: its inverse fits a float16
SEED = 777


class GaussianDetector(OODDetector):
    """Scores images by their projections (N, P) and logits (N, C).

    Buffers, besides weight (2 K + 5,) and bias (): centre (K,) and axes (P, K), y = x @ axes - centre; mean (C, K);
    precision_cholesky (C, K, K), L_c.
    """

    def __init__(self, dim: int, classes: int) -> None:
        k = n_components(dim, classes)
        super().__init__(2 * k + 5)
        self.register_buffer("axes", torch.zeros(dim, k, dtype=torch.float16))
        self.register_buffer("centre", torch.zeros(k))
        self.register_buffer("mean", torch.zeros(classes, k))
        self.register_buffer("precision_cholesky", torch.zeros(classes, k, k))
        self.axes: Tensor
        self.centre: Tensor
        self.mean: Tensor
        self.precision_cholesky: Tensor

    def fit(self, features: FeatureMap, examples: Examples) -> None:
        """Fit the Gaussians, then the threshold."""
        outliers = examples.outliers.float()
        self.fit_gaussians(examples.projections, outliers, SEED)
        held_out = examples.held_out_projections
        y = held_out.all_gather(self.components_of(held_out))
        ours = self.statistics(y, examples.held_out_logits)
        self.fit_threshold(ours, self.statistics(self.components(outliers), examples.outlier_logits))

    def logits_and_scores(self, features: FeatureMap, projections: Tensor, layer: nn.Linear) -> tuple[Tensor, Tensor]:
        """As the base."""
        logits = features.outputs(projections, layer.weight, layer.bias)
        return logits, self.score(self.statistics(self.components(projections), logits))

    def statistics(self, y: Tensor, logits: Tensor) -> Tensor:
        """s (N, 2 K + 5) of principal components y (N, K) and logits (N, C)."""
        predicted = logits.argmax(1)
        centred = y - self.mean[predicted]  # (N, K)
        distance = y.new_zeros(len(y), 1)
        for c in predicted.unique().tolist():
            distance[predicted == c] = (centred[predicted == c] @ self.precision_cholesky[c]).norm(dim=1, keepdim=True)
        return torch.cat([y, y.square(), distance, distance.square(), logit_statistics(logits)], 1)

    def components(self, x: Tensor) -> Tensor:
        """The principal components y (N, K) of projections x (N, P)."""
        return x.float() @ self.axes.float() - self.centre

    def components_of(self, matrix: DesignMatrix) -> Tensor:
        """The principal components y (N, K) of the rows of a design matrix."""
        return logits_of(matrix, pack(self.axes.float().T, -self.centre))

    def fit_gaussians(self, matrix: DesignMatrix, outliers: Tensor, seed: int) -> None:
        """Fit PCA and a Gaussian per class, to the rows of a design matrix and the projections of outliers (M, P).

        PCA is fitted on images and outliers jointly, since outliers may vary along axes where images do not; each component is
        divided by the images' standard deviation. The Gaussians are fitted on images alone. A class of fewer than 2 K images has
        the covariance of all classes about their means, as Lee et al. have it for every class.
        """
        spaced = matrix.strided(max(1, matrix.n_rows_global // PCA_SAMPLE))
        sample = spaced.all_gather(spaced.rows_at(torch.arange(len(spaced)))[0])
        mean = sample.mean(0)
        joint = torch.cat([sample, outliers]).sub_(mean)
        axes = principal_axes(joint, self.axes.shape[1], Generator().manual_seed(seed))
        axes /= (joint[: len(sample)] @ axes).std(0).clamp_min(MIN_DEVIATION)
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


def n_components(dim: int, classes: int) -> int:
    """K for D features and C classes."""
    return min(COMPONENTS, dim, isqrt(MAX_NUMEL // classes))


def _precision_cholesky(covariance: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a covariance (K, K), shrunk."""
    covariance = covariance.clone()
    covariance.diagonal().add_(SHRINKAGE * covariance.diagonal().mean() + 1e-6)
    factor: Tensor = torch.linalg.cholesky(torch.linalg.inv(covariance))
    return factor


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
