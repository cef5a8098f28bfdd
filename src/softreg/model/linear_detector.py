"""The detector of kernel maps: one more linear layer on the features, and how sure the logits are.

A kernel already compares an image with thousands of others, so a linear layer on its features can tell what is like none of them.
With l the log odds of an outlier by a softmax regression of images against outliers on the features, the statistics are::

    s = (l, l^2, z_1, z_2, log sum_k exp z_k)
"""

import torch
from torch import Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.model.out_of_distribution import Examples, OODDetector, binary_logistic, logit_statistics
from softreg.optim.objective import logits_of, pack
from softreg.optim.solvers.lbfgs import LBFGS

N_IMAGES = 25_000  # that the layer is fitted to, at most
L2, TOLERANCE, MAX_ITERATIONS = 2e-3, 1e-2, 50


class LinearDetector(OODDetector):
    """Scores images by their features (N, D) and logits (N, C).

    Buffers, besides weight (5,) and bias (): direction (D,), l = x . direction.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(5)
        self.register_buffer("direction", torch.zeros(dim))
        self.direction: Tensor

    def fit(self, features: FeatureMap, examples: Examples) -> None:
        """Fit the direction, then the threshold.

        The direction is the mean of two, each fitted to half of the outliers and scoring the other half for the threshold.
        """
        matrix, outliers = examples.matrix.sample(N_IMAGES), examples.outliers
        images, x = matrix.all_gather(matrix.rows), features.quantised_from(outliers)
        is_first = torch.arange(len(x), device=x.device) % 2 == 0
        halves = torch.stack([_log_odds_weight(images, x[half], matrix.scale) for half in (is_first, ~is_first)])  # (2, D)
        self.direction.copy_(halves.mean(0))
        odds = features.outputs(outliers, halves, halves.new_zeros(2))  # (M, 2)
        theirs = torch.where(is_first, odds[:, 1], odds[:, 0])
        ours = examples.held_out.all_gather(logits_of(examples.held_out, pack(self.direction[None], self.direction.new_zeros(1))))
        self.fit_threshold(statistics(ours[:, 0], examples.held_out_logits), statistics(theirs, examples.outlier_logits))

    def logits_and_scores(self, features: FeatureMap, projections: Tensor, layer: nn.Linear) -> tuple[Tensor, Tensor]:
        """As the base; the layer and the direction go through the map together."""
        weight = torch.cat([layer.weight, self.direction[None]])
        outputs = features.outputs(projections, weight, torch.cat([layer.bias, layer.bias.new_zeros(1)]))
        logits = outputs[:, :-1]
        return logits, self.score(statistics(outputs[:, -1], logits))


def _log_odds_weight(images: Tensor, outliers: Tensor, scale: float | Tensor) -> Tensor:
    """The weight (D,) of the log odds of an outlier (M, D) against an image (N, D).

    The first preconditioner, one block for both classes, is kept: a new one would hold two.
    """
    solver = LBFGS(TOLERANCE, MAX_ITERATIONS, refresh_at=())
    return binary_logistic(images, outliers, scale=scale, l2=L2, solver=solver)


def statistics(odds: Tensor, logits: Tensor) -> Tensor:
    """s (N, 5) of log odds l (N,) and logits (N, C)."""
    return torch.cat([odds[:, None], odds[:, None].square(), logit_statistics(logits)], 1)
