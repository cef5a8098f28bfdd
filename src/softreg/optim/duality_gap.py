"""A proof of how near the optimum is: the duality gap, in float64.

For any probabilities q_i that agree with the labels in the mean, mean_i q_i = mean_i e_{y_i}, Fenchel's inequality gives a bound
that no weights can go below::

    J(W, b)  >=  mean_i H(q_i)  -  1/(2 l2) ||G(q)||^2,      G(q) = mean_i (q_i - e_{y_i}) x_i^T,      H the entropy

(Yu, Huang and Lin, Dual coordinate descent methods for logistic regression and maximum entropy models, Machine Learning 85, 2011.)
At the optimum the model's own probabilities p_i reach it. Near the optimum they are taken, after the bias is brought to its best by
Newton steps, so that they agree in the mean but for rounding; what rounding leaves is removed by mixing in a little of one
distribution r::

    q_i = (1 - s) p_i + s r,      r = mean e - (1 - s)/s (mean p - mean e),      H(q_i) >= (1 - s) H(p_i) + s H(r)

Without rounding the proven gap is ||gradient||^2 / (2 l2). Where the Hessian is steeper than l2 that is more than the true gap,
never less.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.optim.objective import Objective, log_softmax, outer, residual, unpack

BALANCED = 1e-9  # how far the mean probabilities may be from the classes' shares
STEPS = 20
ROUNDING = 64 * torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class DualityGap:
    """What is proven of a theta: its objective, in float64, and what no theta can go below."""

    value: float
    lower: float

    @property
    def gap(self) -> float:
        """The optimum is nearer than this; infinite if nothing can be proven, as without a penalty."""
        return self.value - self.lower


def duality_gap(objective: Objective, theta: Tensor) -> DualityGap:
    """The proof for theta (C, D + 1); float64, or as precise as the device is."""
    theta = theta.to(objective.matrix.accumulate_dtype)
    value = objective.value(theta)
    if objective.l2 == 0:
        return DualityGap(value, -math.inf)
    entropy, off, ones = _means(objective, balance(objective, theta))
    share, often = ones[:, -1], off[:, -1]  # (C,): what each class is, and by how much the model says it too often
    s = float((often / (share + often)).nan_to_num(0).clamp(min=0).max())  # the least that leaves r no negative
    if s > 0:
        r = (share - (1 - s) / s * often).clamp(min=0)  # (C,)
        entropy = (1 - s) * entropy - s * float(torch.special.xlogy(r, r).sum())
        off = (1 - s) * off + s * (torch.outer(r, ones.sum(0)) - ones)
    lower = entropy - float(off[:, :-1].square().sum()) / (2 * objective.l2)
    return DualityGap(value, lower - ROUNDING * (abs(value) + abs(lower)))


def balance(objective: Objective, theta: Tensor) -> Tensor:
    """Theta (C, D + 1) with nearly the best bias for its weights, by Newton's method in C unknowns."""
    for _ in range(STEPS):
        weight, bias = unpack(objective.matrix.fold(theta))

        def part(x: Tensor, y: Tensor, w: Tensor | None, weight: Tensor = weight, bias: Tensor = bias) -> tuple[Tensor, Tensor]:
            p = log_softmax(weight, bias, x).exp_()  # (C, B)
            weighted = p if w is None else p * w
            return residual(p.clone(), y, w).sum(1), weighted.sum(1).diag() - weighted @ p.T

        off, hessian = objective.matrix.sum(part, theta.dtype)  # (C,), (C, C)
        if not float(off.abs().max()) > BALANCED * objective.matrix.total:
            break
        step = torch.linalg.pinv(hessian, hermitian=True) @ off  # (C,): singular, a constant in every bias changes nothing
        theta = torch.cat([theta[:, :-1], (theta[:, -1] - step.clamp(-1, 1))[:, None]], dim=1)
    return theta


def _means(objective: Objective, theta: Tensor) -> tuple[float, Tensor, Tensor]:
    """The means over rows of the entropy, of (p - e) (x, 1)^T and of e (x, 1)^T, (C, D + 1) each."""
    matrix = objective.matrix
    weight, bias = unpack(matrix.fold(theta))

    def part(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        log_p = log_softmax(weight, bias, x)  # (C, B)
        p = log_p.exp()
        entropy = -(p * log_p).sum(0)  # (B,)
        ones = torch.zeros_like(p).scatter_(0, y[None], 1)  # (C, B)
        if w is not None:
            entropy, ones = entropy * w, ones * w
        return entropy.sum(), outer(residual(p, y, w), x), outer(ones, x)

    entropy, off, ones = matrix.sum(part, theta.dtype)
    return float(entropy) / matrix.total, matrix.unfold(off / matrix.total), matrix.unfold(ones / matrix.total)
