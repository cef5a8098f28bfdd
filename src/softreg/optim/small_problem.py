"""The objective over a small dense array, in numpy: value, gradient and proof, with little overhead.

Mathematics and names are those of `objective` and `duality_gap`, which serve large problems. Two classes are one row u = w_1 - w_0,
of which the penalty is half. Importing this does not import torch.

Rows whose columns are of moderate scale and near zero are used as they are, or in single precision, as far as that leads; others
are copied, centred and scaled, in float64. The proof is in float64 and of the rows themselves either way.
"""

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from softreg.optim.small_bound import blocks64, dual_point, log_probabilities, optimal_bias

Array = NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
NOISE, ROUNDING = 4 * EPS, 64 * EPS
FINE = 1e-7  # a smaller tolerance is asked for to have precise coefficients, and these are as precise as the gap's root
SINGLE = 2e-7  # the smallest tolerance that float32 can reach
OFF_CENTRE = 4.0  # deviations of a column's mean from zero ...
MIN_SQUARE, MAX_SQUARE = 1e-8, 1e8  # ... and its mean square, beyond which columns are copied, centred and scaled
MAX_SAMPLE = 1024  # rows that columns are judged by
MIN_FREQUENCY = 1e-6  # of a class, where a logarithm is taken


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients, and how good they are.

    Attributes
    ----------
    theta : (C, D + 1), the bias last, of the type of the rows
    steps : iterations
    gap : how far the objective is above its minimum at most; an estimate if there is no penalty
    """

    theta: Array
    steps: int
    gap: float


class SmallProblem:
    """The objective for theta (K, D + 1): K = C, or 1 for two classes; the bias is that of the centred columns.

    Attributes
    ----------
    z : (N, D), the rows as they are, or in single precision, or a copy, centred and scaled
    exact : (N, D), z before it was rounded to single precision
    centre : (D,), subtracted from z by `logits` and `gradient`
    square : (D,), the mean square of the centred columns of z
    penalty : (D + 1,), on theta_j^2 / 2, of the type of z; zero on the bias
    weights : (N,), of the same type, which sum to 1
    one_hot : (K, N), the weight of a row where its class is
    """

    def __init__(
        self,
        rows: Array,
        labels: NDArray[np.int64],
        classes: int,
        l2: float,
        weights: Array | None,
        *,
        fit_intercept: bool,
        in_place: bool = False,
        single: bool = False,
    ) -> None:
        """`in_place` allows the rows to stay where they are, `single` float32."""
        n, d = rows.shape
        self.k, self.classes, self.fit_intercept = 1 if classes == 2 else classes, classes, fit_intercept
        self.dtype = np.result_type(rows.dtype, np.float32)
        if not (in_place and self._keep(rows, single=single)):
            self._copy(rows)
        l2 = l2 / 2 if self.k == 1 else l2
        self.penalty64 = np.broadcast_to(l2 / self.scale**2, d)  # on theta_j^2 / 2
        self.penalty, self.penalized = np.append(self.penalty64, 0).astype(self.z.dtype), l2 > 0
        self.weights64 = np.full(n, 1 / n) if weights is None else weights / weights.sum()
        self.weights = self.weights64.astype(self.z.dtype)
        self.labels = labels
        self.one_hot = np.zeros((self.k, n), self.z.dtype)
        if self.k == 1:
            self.one_hot[0] = self.weights * labels
        else:
            self.one_hot[labels, np.arange(n)] = self.weights

    def _keep(self, rows: Array, *, single: bool) -> bool:
        """Take the rows without centring and scaling, if their columns allow, judged by some: the gap tells where these mislead."""
        sample = rows[:: -(-len(rows) // MAX_SAMPLE)]
        mean = sample.mean(0) if self.fit_intercept else np.zeros(rows.shape[1], rows.dtype)
        square = np.einsum("ij,ij->j", sample, sample) / rows.dtype.type(len(sample))
        variance = square - mean * mean
        fine = (variance * OFF_CENTRE**2 >= mean * mean) & (square > MIN_SQUARE) & (square < MAX_SQUARE) | (square == 0)
        if not fine.all():
            return False
        self.z, self.exact, self.scale = rows, rows, np.ones(1)
        if single and rows.dtype == np.float64:
            with np.errstate(over="ignore"):
                z = rows.astype(np.float32)
            self.z = z if np.isfinite(np.vdot(z, z)) else rows
        self.centre, self.square = mean.astype(self.z.dtype), variance.astype(self.z.dtype)
        self.mean = self.centre.astype(np.float64)
        return True

    def in_double(self) -> Self:
        """The same problem, computed in float64."""
        double = copy.copy(self)
        for name in ("centre", "square", "penalty", "one_hot"):
            setattr(double, name, getattr(self, name).astype(np.float64))
        double.z = double.exact = self.exact.astype(np.float64, copy=False)
        double.weights = self.weights64
        return double

    def _copy(self, rows: Array) -> None:
        """Take a copy, centred and scaled."""
        d = rows.shape[1]
        z = rows.astype(np.float64)
        self.mean = z.mean(0) if self.fit_intercept else np.zeros(d)
        z -= self.mean
        with np.errstate(over="ignore"):
            deviation = np.sqrt(np.einsum("ij,ij->j", z, z) / len(z))
        if not np.isfinite(deviation).all():
            largest = np.abs(z).max(0)
            deviation = largest * np.sqrt(np.square(z / np.where(largest > 0, largest, 1)).mean(0))
        self.scale = np.where(deviation > NOISE * np.abs(self.mean), deviation, 1.0)
        z /= self.scale
        self.z = self.exact = z
        self.centre, self.square = np.zeros(d), (deviation / self.scale) ** 2

    def standardized(self, theta: Array | None) -> Array:
        """Theta (K, D + 1) for these columns, float64, from theta (C, D + 1) for the rows as they are; None stands for zero."""
        if theta is None:
            return np.zeros((self.k, self.z.shape[1] + 1))
        theta = theta.astype(np.float64)
        theta = theta[1:] - theta[:1] if self.k == 1 else theta - theta.mean(0)
        bias = theta[:, -1] + theta[:, :-1] @ self.mean
        return np.column_stack([theta[:, :-1] * self.scale, bias if self.fit_intercept else np.zeros_like(bias)])

    def original(self, theta: Array) -> Array:
        """Theta (C, D + 1) for the rows as they are, rounded to their type; the bias makes up for the weights' rounding."""
        theta = theta.astype(np.float64)
        theta = np.concatenate([-theta, theta]) / 2 if self.k == 1 else theta - theta.mean(0)
        weight = (theta[:, :-1] / self.scale).astype(self.dtype)
        bias = theta[:, -1] - weight.astype(np.float64) @ self.mean
        return np.column_stack([weight, bias.astype(self.dtype)])

    def solution(self, theta: Array, steps: int, logits: Array | None = None, bound: float = 0.0) -> Solution:
        """Theta (K, D + 1) as coefficients for the rows as they are, and their gap, rounding included.

        The gap is to the bound that the logits (K, N) at theta prove, whatever their rounding, or to `bound`, if that is higher.
        """
        theta = self.original(theta)
        rounded = self.standardized(theta)
        if self.penalized:
            logits = self._pass64(rounded)[0] if logits is None else logits
            entropy, residual = self._dual_point(logits)
            exact_logits, gradient = self._pass64(rounded, residual)
            bound = max(bound, entropy - self._penalized_square(gradient))
        else:
            exact_logits, _ = self._pass64(rounded)
        log_p, _ = log_probabilities(exact_logits)
        value = self.penalty_at(rounded) - float(log_p[self.labels, np.arange(len(self.labels))] @ self.weights64)
        return Solution(theta, steps, value - bound + ROUNDING * (abs(value) + abs(bound)))

    def logits(self, theta: Array) -> Array:
        """(K, N), of theta (K, D + 1), in the precision of z."""
        weight, bias = theta[:, :-1], theta[:, -1] - theta[:, :-1] @ self.centre
        rows_first = self.z.dtype == np.float32 and self.k > 1  # a quarter faster so
        z: Array = np.ascontiguousarray((self.z @ weight.T).T) if rows_first else weight @ self.z.T
        z += bias[:, None]
        return z

    def loss_and_probabilities(self, logits: Array) -> tuple[float, Array]:
        """The mean cross-entropy, and p (K, N): of two classes, that of the second."""
        total, p = self.log_sum_and_probabilities(logits)
        return total - float(np.vdot(self.one_hot, logits)), p

    def log_sum_and_probabilities(self, logits: Array) -> tuple[float, Array]:
        """The mean of log sum exp(logits), of which the mean logit of the labels makes the loss; and p (K, N)."""
        if self.k == 1:
            e = np.exp(-np.abs(logits))
            one_more = 1 + e
            mean = (np.maximum(logits, 0) + np.log(one_more))[0] @ self.weights
            return float(mean), np.where(logits >= 0, 1, e) / one_more
        largest = logits.max(0)
        p = logits - largest
        np.exp(p, out=p)
        total = p.sum(0)
        p /= total
        return float((np.log(total) + largest) @ self.weights), p

    def penalty_at(self, theta: Array) -> float:
        """What the weights in theta (K, D + 1) cost."""
        return 0.5 * float((self.penalty64 * theta[:, :-1] ** 2).sum())

    def curvature(self, p: Array, along: Array) -> float:
        """The second derivative of the mean cross-entropy where the probabilities are p (K, N), as the logits go `along` (K, N)."""
        product = p * along
        if self.k == 1:
            return float(((product - p * product) * along)[0] @ self.weights)
        return float((np.einsum("ki,ki->i", product, along) - product.sum(0) ** 2) @ self.weights)

    def constant_logits(self) -> Array:
        """The logits (K,) of the class frequencies."""
        frequency = np.maximum(self.one_hot.sum(1), MIN_FREQUENCY)
        if self.k == 1:
            frequency = frequency / np.maximum(1 - frequency, MIN_FREQUENCY)
        logits: Array = np.log(frequency)
        return logits if self.k == 1 else np.asarray(logits - logits.mean())

    def residual(self, p: Array) -> Array:
        """(p - e_y), weighted: (K, N)."""
        residual: Array = p * self.weights
        residual -= self.one_hot
        return residual

    def gradient(self, theta: Array, residual: Array) -> Array:
        """The gradient (K, D + 1) at theta (K, D + 1), from the residual (K, N) there."""
        gradient = self.penalty * theta
        total = residual.sum(1)
        gradient[:, :-1] += residual @ self.z
        if self.fit_intercept:
            gradient[:, :-1] -= total[:, None] * self.centre
            gradient[:, -1] = total
        return gradient

    def upper_estimate(self, gradient: Array) -> float:
        """|gradient|^2 / (2 l2), which the gap does not exceed, but for rounding and the bias; the forerunner of a proof."""
        weight = gradient[:, :-1]
        return 0.5 * float((weight * weight / self.penalty[:-1]).sum())

    def lower_bound(self, logits: Array) -> float:
        """What the objective cannot go below, by the probabilities of the logits (K, N), float64, their bias made optimal."""
        entropy, residual = self._dual_point(logits)
        return max(entropy - self._penalized_square(self._pass64(None, residual)[1]), 0.0)

    def _dual_point(self, logits: Array) -> tuple[float, Array]:
        """The entropy, and the residual (C, N), of the probabilities of the logits (K, N), their bias made optimal."""
        log_p, p = log_probabilities(logits.astype(np.float64, copy=False))
        if self.fit_intercept:
            log_p, p = optimal_bias(log_p, p, self.labels, self.weights64)
        return dual_point(log_p, p, self.labels, self.weights64, fit_intercept=self.fit_intercept)

    def _penalized_square(self, gradient: Array) -> float:
        """|G|^2 / (2 l2), for G (K, D) of a residual whose rows sum to zero."""
        return 0.5 * float((gradient**2 / self.penalty64).sum())

    def _pass64(self, theta: Array | None, residual: Array | None = None) -> tuple[Array, Array]:
        """In float64 and one pass, the logits (K, N) of theta (K, D + 1), and residual @ z (K, D) of a residual (C, N)."""
        logits, gradient = np.empty((self.k, len(self.z))), np.zeros((self.k, self.z.shape[1]))
        residual = residual[1:] if residual is not None and self.k == 1 else residual
        for part, z in blocks64(self.exact):
            if theta is not None:
                logits[:, part] = theta[:, :-1] @ z.T
            if residual is not None:
                gradient += residual[:, part] @ z
        if theta is not None:
            logits += (theta[:, -1] - theta[:, :-1] @ self.centre.astype(np.float64))[:, None]
        return logits, gradient
