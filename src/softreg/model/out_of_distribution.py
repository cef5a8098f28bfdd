"""The out-of-distribution detector: whether an image belongs to any class at all.

A classifier that only divides the plane among its classes cannot say: far from all of them its probabilities are most extreme. So a
second softmax regression, of two classes, tells images from synthetic outliers (`softreg.data.synthetic_outliers`). Its inputs are
statistics s of an image: of the logits z of a model that was not fitted on it, the two largest and log sum_k exp z_k, the energy
(Liu et al., NeurIPS 2020); and of its features, what each kind of detector makes of them. An image is out of distribution if
w . s + b > 0; b is such that a given fraction of held-out images is, each scored by a w fitted without it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, unpack
from softreg.optim.solver import Solver
from softreg.optim.solvers.newton import Newton

FALSE_POSITIVE_RATE = 0.008  # the fraction of held-out images that may be called out of distribution
FOLDS = 5  # odd: MNIST's images alternate between two groups of writers, and every fold needs both
L2 = 1e-3  # of the regression, on standardised s
TOLERANCE, MAX_ITERATIONS = 1e-6, 100


@dataclass(frozen=True, eq=False)
class Examples:
    """What a detector is fitted to.

    Attributes
    ----------
    matrix, projections : the features, and what they are computed from, of the images that the model was fitted on
    held_out, held_out_projections : the same of images that it was not fitted on
    held_out_logits : (N, C), of the latter
    outliers : (M, P), the projections of outliers
    outlier_logits : (M, C)
    """

    matrix: DesignMatrix
    projections: DesignMatrix
    held_out: DesignMatrix
    held_out_projections: DesignMatrix
    held_out_logits: Tensor
    outliers: Tensor
    outlier_logits: Tensor


class OODDetector(nn.Module):
    """Scores how unlike every class an image is.

    Buffers: weight (S,); bias ().
    """

    def __init__(self, n_statistics: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(n_statistics))
        self.register_buffer("bias", torch.zeros(()))
        self.weight: Tensor
        self.bias: Tensor

    def fit(self, features: FeatureMap, examples: Examples) -> None:
        """Fit all buffers."""
        raise NotImplementedError

    def logits_and_scores(self, features: FeatureMap, projections: Tensor, layer: nn.Linear) -> tuple[Tensor, Tensor]:
        """The logits (N, C) of a layer for projections (N, P), and the scores (N,): above zero, an image is out of distribution."""
        raise NotImplementedError

    def score(self, statistics: Tensor) -> Tensor:
        """The scores (N,) of statistics (N, S)."""
        scores: Tensor = statistics @ self.weight + self.bias
        return scores

    def fit_threshold(self, ours: Tensor, theirs: Tensor, false_positive_rate: float = FALSE_POSITIVE_RATE) -> None:
        """Fit weight and bias to the statistics of held-out images (N, S) and outliers (M, S).

        `false_positive_rate` of the images scores above zero. The weight is fitted on all of them; the bias on the cross-validated
        score of each image.
        """
        deviation, mean = torch.std_mean(ours, dim=0)
        deviation = deviation.clamp_min(1e-6)
        ours, theirs = (ours - mean) / deviation, (theirs - mean) / deviation
        fold = torch.arange(len(ours), device=ours.device) % FOLDS
        scores = torch.cat([ours[fold == k] @ binary_logistic(ours[fold != k], theirs) for k in range(FOLDS)])
        self.weight.copy_(binary_logistic(ours, theirs) / deviation)
        self.bias.copy_(-(mean @ self.weight) - scores.quantile(1 - false_positive_rate))


def logit_statistics(logits: Tensor) -> Tensor:
    """What every detector sees of logits (N, C): the two largest, and the energy (N, 3)."""
    return torch.cat([logits.topk(2, dim=1).values, logits.logsumexp(1, keepdim=True)], 1)


def binary_logistic(
    negatives: Tensor, positives: Tensor, *, scale: float | Tensor = 1.0, l2: float = L2, solver: Solver | None = None
) -> Tensor:
    """The weight (S,) of the logistic regression of positives (M, S) against negatives (N, S), both classes weighing the same.

    The rows may be stored in eight bits; `scale` times them are the numbers meant. The solver is Newton's method, if none is given.
    """
    rows = torch.cat([negatives, positives])
    labels = torch.cat([rows.new_zeros(len(negatives)), rows.new_ones(len(positives))]).long()
    class_weight = torch.tensor([1 / len(negatives), 1 / len(positives)], device=rows.device) * len(rows) / 2
    matrix = DesignMatrix(rows, labels, scale=scale, weights=class_weight[labels])
    start = torch.zeros(2, rows.shape[1] + 1, dtype=matrix.dtype, device=rows.device)
    weight, _ = unpack(minimize(solver or Newton(TOLERANCE, MAX_ITERATIONS), Objective(matrix, 2, l2), start).theta)
    return weight[1] - weight[0]
