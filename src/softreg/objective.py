"""The objective of softmax regression, in closed form: no autograd.

For features x (D,), label y, weights W (C, D) and bias b (C,)::

    J(W, b) = 1/N sum_i -log p_i[y_i]  +  1/2 l2 ||W||^2,      p_i = softmax(W x_i + b)
    dJ/dW   = 1/N sum_i (p_i - e_{y_i}) x_i^T  +  l2 W,        dJ/db = 1/N sum_i (p_i - e_{y_i})

(Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4.) Weights and bias travel as one tensor, theta (C, D + 1),
the bias last.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from softreg.design import DesignMatrix

CHUNK = 1024  # rows: their float32 copy stays in the second-level cache between forward and backward


def pack(weight: Tensor, bias: Tensor) -> Tensor:
    """Weights (C, D) and bias (C,) as one tensor theta (C, D + 1)."""
    return torch.cat([weight, bias[:, None]], dim=1)


def unpack(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (C, D) and bias (C,) of theta (C, D + 1), contiguous copies."""
    return theta[:, :-1].contiguous(), theta[:, -1].contiguous()


def residual(logits: Tensor, targets: Tensor) -> Tensor:
    """softmax(logits) - targets, (B, C): the gradient of the summed cross-entropy with respect to the logits."""
    return torch.softmax(logits, dim=1).sub_(targets)


@dataclass(frozen=True, eq=False)
class Objective:
    """Mean cross-entropy over a design matrix plus the penalty on the weights."""

    matrix: DesignMatrix
    classes: int
    l2: float = 0.0

    def value(self, theta: Tensor) -> float:
        """J(theta), theta (C, D + 1)."""
        return self.value_and_gradient(theta)[0]

    def value_and_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """J(theta) and its gradient (C, D + 1)."""
        weight, bias = unpack(theta)
        total = 0.0
        gradient = torch.zeros_like(weight)  # (C, D)
        gradient_bias = torch.zeros_like(bias)  # (C,)
        for x, y in self.matrix.chunks(CHUNK):
            logits = torch.addmm(bias, x, weight.T)  # (B, C)
            total += float(cross_entropy(logits, y, reduction="sum"))
            r = residual(logits, one_hot(y, self.classes))  # (B, C)
            gradient.addmm_(r.T, x)
            gradient_bias += r.sum(0)
        n = len(self.matrix)
        penalty = 0.5 * self.l2 * float(weight.square().sum())
        return total / n + penalty, pack(gradient / n + self.l2 * weight, gradient_bias / n)
