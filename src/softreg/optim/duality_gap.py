"""The duality gap: a proven bound on the distance to the minimum, in float64.

For any probabilities q_i that agree with the targets in the mean, mean_i q_i = mean_i t_i, Fenchel's inequality gives a lower
bound on the objective that holds for all weights::

    J(W, b)  >=  mean_i H(q_i)  -  1/(2 l2) ||G(q)||^2,      G(q) = mean_i (q_i - t_i) x_i^T,      H the entropy

(Yu, Huang and Lin, Dual coordinate descent methods for logistic regression and maximum entropy models, Machine Learning 85, 2011.)
At the optimum the model's own probabilities p_i attain it. Near the optimum they are used, after Newton steps have made the bias
optimal, so that they agree in the mean up to rounding; the rest is removed by mixing in a little of one distribution r::

    q_i = (1 - s) p_i + s r,      r = mean t - (1 - s)/s (mean p - mean t),      H(q_i) >= (1 - s) H(p_i) + s H(r)

Without rounding the proven gap is ||gradient||^2 / (2 l2). Where the Hessian is steeper than l2 that is more than the true gap,
never less.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.optim.objective import Objective, linear, log_softmax, outer, unpack

SMALL_EXCESS = 1e-5  # how far the mean probabilities may be from the class frequencies before the last step, which squares it
MAX_STEPS = 20
ROUNDING = 64 * torch.finfo(torch.float64).eps
NEVER = -1e30  # the bias of a class without rows: its probability is zero, as in the limit


@dataclass(frozen=True)
class DualityGap:
    """The objective at a theta, in float64, and a proven lower bound on the objective at any theta.

    Attributes
    ----------
    value : the objective at theta
    lower_bound : what the objective cannot go below
    decrease : how much lower the objective is where the bound was taken, than at theta
    """

    value: float
    lower_bound: float
    decrease: float

    @property
    def gap(self) -> float:
        """The objective is at most this far above its minimum; all of it if nothing better can be proven."""
        return self.value - self.lower_bound


def duality_gap(objective: Objective, theta: Tensor, nearer: Tensor | None = None) -> DualityGap:
    """The proven gap at theta (C, D + 1), in float64 or the highest precision of the device.

    The lower bound may be taken at any other theta: `nearer` the optimum, e.g. one Newton step on, it is tighter.
    """
    nearer = theta if nearer is None else nearer
    if objective.fit_intercept:
        nearer = optimal_bias(objective, _without_empty_classes(objective, nearer))
    theta, nearer = theta.to(objective.matrix.accumulate_dtype), nearer.to(objective.matrix.accumulate_dtype)
    means = _means(objective, torch.cat([theta, nearer]))
    value, value_nearer = (float(loss) + objective.penalty(at) for loss, at in zip(means.losses, (theta, nearer), strict=True))
    bound = _lower_bound(objective, means)
    return DualityGap(value, bound - ROUNDING * (abs(value) + abs(bound)), value - value_nearer)


def _without_empty_classes(objective: Objective, theta: Tensor) -> Tensor:
    """Theta (C, D + 1) with zero probability for classes without rows.

    Their bias has no optimum: the lower, the better. The objective's infimum is the minimum over the other classes alone.
    """
    counts = objective.matrix.reduce_over_ranks(objective.matrix.labels.bincount(minlength=objective.classes))
    if bool(counts.all()) or objective.label_smoothing:
        return theta
    theta = theta.clone()
    theta[counts == 0, :-1], theta[counts == 0, -1] = 0.0, NEVER
    return theta


@dataclass(frozen=True)
class _Means:
    """Means over rows: (2,) of the cross-entropy at two thetas; at the second, of the entropy, (p - t) (x, 1)^T, t (x, 1)^T."""

    losses: Tensor
    entropy: float
    residual: Tensor  # (C, D + 1)
    targets: Tensor  # (C, D + 1)


def _lower_bound(objective: Objective, means: _Means) -> float:
    """What the objective cannot go below at any weights; rounding aside."""
    if objective.l2 == 0 and isinstance(objective.l1, float):
        return 0.0
    entropy, residual_mean = means.entropy, means.residual
    class_frequency, excess = means.targets[:, -1], residual_mean[:, -1]  # (C,): of the targets; mean p minus that
    s = float((excess / (class_frequency + excess)).nan_to_num(0).max())  # the smallest for which r is nonnegative
    if s > 0 and objective.fit_intercept:  # without a bias the means need not agree
        r = (class_frequency - (1 - s) / s * excess).clamp(min=0)  # (C,)
        entropy = (1 - s) * entropy - s * float(torch.special.xlogy(r, r).sum())
        residual_mean = (1 - s) * residual_mean + s * (torch.outer(r, means.targets.sum(0)) - means.targets)
    g = residual_mean[:, :-1].abs()  # (C, D)
    if isinstance(objective.l1, float):
        bound = entropy - float((g.square() / (2 * objective.l2_per_feature)).sum())
    else:
        bound = _elastic_net_bound(objective, entropy, g)
    return max(bound, 0.0)  # as any mean cross-entropy


def _elastic_net_bound(objective: Objective, entropy: float, g: Tensor) -> float:
    """The bound with an l1 penalty, from the mean entropy and |G| (C, D): sum (|G| - l1)_+^2 / (2 l2) is subtracted.

    Mixing the labels in, t q_i + (1 - t) e_{y_i}, shrinks G and loses entropy: the largest t at which |G| is at most l1 subtracts
    nothing, which is all that can be done where l2 is 0.
    """
    shrink = min(1.0, float((objective.l1 / g.clamp(min=1e-300)).min()))
    bound = shrink * entropy
    if objective.l2 > 0:
        excess = (g - objective.l1).clamp(min=0)
        bound = max(bound, entropy - float((excess.square() / (2 * objective.l2_per_feature)).sum()))
    return bound


def optimal_bias(objective: Objective, theta: Tensor) -> Tensor:
    """Theta (C, D + 1) with a nearly optimal bias for its weights, by Newton's method in the C biases.

    Passes are in theta's precision; the bias is corrected in float64, or its rounding would be all that is left of the excess.
    """
    dtype, theta = theta.dtype, theta.to(objective.matrix.accumulate_dtype)
    for _ in range(MAX_STEPS):
        weight, bias = unpack(objective.matrix.fold(theta.to(dtype)))

        def on_chunk(x: Tensor, y: Tensor, w: Tensor | None, weight: Tensor = weight, bias: Tensor = bias) -> tuple[Tensor, Tensor]:
            p = log_softmax(weight, bias, x).exp_()  # (C, B)
            products = (p if w is None else p * w) @ p.T
            return objective.residual(p, y, w).sum(1), products

        excess, products = objective.matrix.map_reduce(on_chunk, dtype)  # (C,), (C, C), both times the sum of weights
        step = torch.linalg.pinv(_bias_hessian(products), rtol=ROUNDING, hermitian=True) @ excess  # (C,)
        theta = torch.cat([theta[:, :-1], (theta[:, -1] - step.clamp(-1, 1))[:, None]], dim=1)
        if not float(excess.abs().max()) > SMALL_EXCESS * objective.matrix.weight_sum:
            break
    return theta


def _bias_hessian(products: Tensor) -> Tensor:
    """The Hessian of the biases (C, C), diag(sum_i p_i) - sum_i p_i p_i^T, from the sum of p_i p_i^T (C, C).

    A constant added to every bias changes nothing: each row sums to zero. Its diagonal is therefore the sum of the others. As
    sum_i p_i minus nearly as much it would be rounding where the p are near 0 or 1, and the step a constant made of that.
    """
    others = (products + products.T).fill_diagonal_(0) / 2
    return others.sum(1).diag() - others


def _means(objective: Objective, thetas: Tensor) -> _Means:
    """The means for two thetas, one below the other (2 C, D + 1), in one pass."""
    matrix = objective.matrix
    weight, bias = unpack(matrix.fold(thetas))

    def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        log_p = linear(weight, bias, x).unflatten(0, (2, -1)).log_softmax(1)  # (2, C, B)
        losses = torch.stack([objective.loss(at, y, w) for at in log_p])  # (2,)
        p = log_p[1].exp()  # (C, B)
        entropy = -(p * log_p[1]).sum(0)  # (B,)
        targets = objective.targets(y, p)  # (C, B)
        if w is not None:
            entropy, targets = entropy * w, targets * w
        return losses, entropy.sum(), outer(torch.cat([objective.residual(p, y, w), targets]), x)

    losses, entropy, products = matrix.map_reduce(on_chunk, thetas.dtype)
    n = matrix.weight_sum
    residual_mean, targets_mean = matrix.unfold(products / n).chunk(2)
    return _Means(losses / n, float(entropy) / n, residual_mean, targets_mean)
