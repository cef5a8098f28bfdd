"""The objective of softmax regression, in closed form: no autograd.

For features x (D,), label y, weights W (C, D) and bias b (C,)::

    J(W, b) = 1/N sum_i -<t_i, log p_i>  +  1/2 l2 ||W||^2,    p_i = softmax(W x_i + b)
    dJ/dW   = 1/N sum_i (p_i - t_i) x_i^T  +  l2 W,            dJ/db = 1/N sum_i (p_i - t_i)
    H[V, v] = 1/N sum_i p_i * (z_i - <p_i, z_i>) x_i^T + l2 V, ...,  z_i = V x_i + v

(Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4; Boehning, Multinomial logistic regression algorithm, 1992.)
The targets t_i are one-hot, e_{y_i}, or smoothed, (1 - s) e_{y_i} + s/C (Szegedy et al., Rethinking the inception architecture for
computer vision, CVPR 2016): J stays convex, with the same Hessian. Rows may be weighted: then 1/N sum_i is the weighted mean.
Weights and bias are one tensor, theta (C, D + 1), the bias last, whose dtype decides the precision of the results.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.compute.device import accumulate_dtype
from softreg.optim.design_matrix import DesignMatrix, blocks

WIDE_NUMEL = 2**20  # weights from which a batch of products would copy them too often, and every pass saved counts


def pack(weight: Tensor, bias: Tensor) -> Tensor:
    """Weights (C, D) and bias (C,) as one tensor theta (C, D + 1)."""
    return torch.cat([weight, bias[:, None]], dim=1)


def unpack(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (C, D) and bias (C,) of theta (C, D + 1), as contiguous copies."""
    return theta[:, :-1].contiguous(), theta[:, -1].contiguous()


@dataclass(frozen=True, eq=False)
class Objective:
    """Mean cross-entropy over a design matrix plus the penalty on the weights.

    Attributes
    ----------
    matrix : rows, labels and their weights
    classes : C
    l2 : the penalty is 1/2 l2 ||W||^2 ...
    feature_penalty : ... or 1/2 l2 sum_j f_j ||W_j||^2, with one factor f_j per feature (D,)
    label_smoothing : s; 0 for one-hot targets
    l1 : (D,), adds sum_j l1_j ||W_j||_1 to the value, its gradient to none; 0.0 for no such penalty
    fit_intercept : whether there is a bias; without, it is zero in every theta, and so are its gradients
    """

    matrix: DesignMatrix
    classes: int
    l2: float = 0.0
    feature_penalty: float | Tensor = 1.0
    fit_intercept: bool = True
    l1: float | Tensor = 0.0
    label_smoothing: float = 0.0

    @property
    def l2_per_feature(self) -> float | Tensor:
        """l2 f_j: a number if all features are penalised alike, else (D,)."""
        return self.l2 * self.feature_penalty

    def value(self, theta: Tensor) -> float:
        """J(theta), theta (C, D + 1)."""
        weight, bias = unpack(self.matrix.fold(theta))

        def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor]:
            return (self.loss(log_softmax(weight, bias, x), y, w),)

        return self._value(self.matrix.map_reduce(on_chunk, theta.dtype)[0], theta)

    def value_and_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """J(theta) and its gradient (C, D + 1)."""
        weight, bias = unpack(self.matrix.fold(theta))

        def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor]:
            log_p = log_softmax(weight, bias, x)  # (C, B)
            loss = self.loss(log_p, y, w)
            return loss, outer(self.residual(log_p.exp_(), y, w), x)

        loss, gradient = self.matrix.map_reduce(on_chunk, theta.dtype)
        return self._value(loss, theta), self._with_penalty(gradient, theta)

    def hessian_product(self, theta: Tensor, direction: Tensor) -> Tensor:
        """The Hessian at theta (C, D + 1) times a direction (C, D + 1)."""
        both = torch.cat([self.matrix.fold(theta), self.matrix.fold(direction)])  # (2 C, D + 1)
        weight, bias = unpack(both)

        def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor]:
            logits, z = linear(weight, bias, x).chunk(2)  # (C, B) each; one product for both
            p = torch.softmax(logits, 0)  # (C, B)
            change = p * z  # (C, B)
            change.addcmul_(p, change.sum(0), value=-1)
            return (outer(change if w is None else change.mul_(w), x),)

        return self._with_penalty(self.matrix.map_reduce(on_chunk, theta.dtype)[0], direction)

    def hessian_diagonal(self, theta: Tensor) -> Tensor:
        """The diagonal (C, D + 1) of the Hessian at theta (C, D + 1), without the penalty."""
        weight, bias = unpack(self.matrix.fold(theta))

        def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor]:
            p = log_softmax(weight, bias, x).exp_()  # (C, B)
            curvature = p - p.square()
            return (outer(curvature if w is None else curvature.mul_(w), x.square_()),)

        total = self.matrix.map_reduce(on_chunk, theta.dtype)[0].div_(self.matrix.weight_sum)
        total[:, :-1] *= self.matrix.scale**2
        return total.to(theta.dtype)

    def probabilities(self, theta: Tensor) -> Tensor:
        """The probabilities (C, N) of the rows stored here."""
        weight, bias = unpack(self.matrix.fold(theta))
        return torch.cat(
            [p for (p,) in self.matrix.map_chunks(lambda x, y, w: (log_softmax(weight, bias, x).exp_(),), theta.dtype)], dim=1
        )

    def penalty(self, theta: Tensor) -> float:
        """What the weights in theta (C, D + 1) cost beside the mean cross-entropy."""
        squares = theta[:, :-1].to(self.matrix.accumulate_dtype).square() * self.feature_penalty
        smooth = 0.5 * self.l2 * float(squares.sum())
        return smooth if isinstance(self.l1, float) else smooth + float((theta[:, :-1].abs() * self.l1).sum())

    def loss(self, log_p: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        """The cross-entropy summed over rows, in float64, so that summing does not hide a gap of 1e-9; log_p (C, B)."""
        own = log_p.gather(0, y[None])[0]
        if self.label_smoothing:
            own = torch.lerp(own, log_p.mean(0), self.label_smoothing)
        loss = own.to(accumulate_dtype(log_p.device))
        return -(loss.sum() if w is None else loss.dot(w.to(loss.dtype)))

    def residual(self, p: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        """p - t (C, B), weighted: the gradient of the cross-entropy with respect to the logits. Overwrites p."""
        p.scatter_add_(0, y[None], p.new_full((1, len(y)), self.label_smoothing - 1))
        if self.label_smoothing:
            p -= self.label_smoothing / len(p)
        return p if w is None else p.mul_(w)

    def targets(self, y: Tensor, like: Tensor) -> Tensor:
        """t (C, B) of labels y (B,), of the type and on the device of `like`."""
        one_hot = like.new_zeros(self.classes, len(y)).scatter_(0, y[None], 1)
        return one_hot.mul_(1 - self.label_smoothing).add_(self.label_smoothing / self.classes) if self.label_smoothing else one_hot

    def _value(self, loss: Tensor, theta: Tensor) -> float:
        return float(loss) / self.matrix.weight_sum + self.penalty(theta)

    def _with_penalty(self, total: Tensor, theta: Tensor) -> Tensor:
        """The unfolded mean of a sum over rows plus the gradient of the penalty; total and theta (C, D + 1)."""
        mean = self.matrix.unfold(total.div_(self.matrix.weight_sum))
        mean[:, :-1] += self.l2_per_feature * theta[:, :-1]
        if not self.fit_intercept:
            mean[:, -1] = 0
        return mean.to(theta.dtype)


def logits_of(matrix: DesignMatrix, theta: Tensor) -> Tensor:
    """The logits (N, C) of the rows of a design matrix for theta (C, D + 1)."""
    weight, bias = unpack(matrix.fold(theta))
    return torch.cat([z for (z,) in matrix.map_chunks(lambda x, y, w: (linear(weight, bias, x).T,), theta.dtype)])


def linear(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """The logits (C, B) of rows (B, D); classes first, because long rows suit the product (42 against 25 GFLOP/s per core)."""
    if weight.numel() >= WIDE_NUMEL:
        return torch.addmm(bias[:, None], weight, x.mT)
    x = blocks(x)  # (K, B / K, D)
    z = torch.baddbmm(bias[:, None], weight.expand(len(x), *weight.shape), x.mT)  # (K, C, B / K)
    return z.transpose(0, 1).flatten(1)


def log_softmax(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """log p (C, B) of rows (B, D)."""
    return linear(weight, bias, x).log_softmax(0)


def outer(r: Tensor, x: Tensor) -> Tensor:
    """sum_i r_i (x_i, 1)^T, (C, D + 1), of r (C, B) and rows (B, D)."""
    if len(r) * x.shape[1] >= WIDE_NUMEL:
        product = r @ x
    else:
        x = blocks(x)  # (K, B / K, D)
        product = torch.bmm(r.unflatten(1, (len(x), -1)).transpose(0, 1), x).sum(0)
    return torch.cat([product, r.sum(1, keepdim=True)], dim=1)
