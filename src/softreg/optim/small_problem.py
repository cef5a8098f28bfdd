"""The objective over a small dense array, in numpy: value, gradient, Hessian and the lower bound, with little overhead.

Mathematics and names are those of `objective` and `duality_gap`, which serve large problems; columns are centred and scaled. Two
classes are one row u = w_1 - w_0, of which the penalty is half. Importing this does not import torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

Array = NDArray[np.float64]

MIN_ROWS, ROWS_PER_NUMBER = 1000, 15  # for the Hessian: at least so many in all, and for each number in theta
EPS, TINY = float(np.finfo(np.float64).eps), 1e-300
NOISE, ROUNDING = 4 * EPS, 64 * EPS
FINE = 1e-7  # a smaller tolerance is asked for to have precise coefficients, and these are as precise as the gap's root


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients, and how good they are.

    Attributes
    ----------
    theta : (C, D + 1), the bias last, of the type of the rows
    steps : iterations
    gap : how far the objective is above its minimum at most; an estimate if there is no penalty
    """

    theta: NDArray[Any]
    steps: int
    gap: float


class SmallProblem:
    """The objective over centred and scaled columns and a column of ones, for theta (K, D + 1): K = C, or 1 for two classes."""

    def __init__(
        self, rows: NDArray[Any], labels: NDArray[np.int64], classes: int, l2: float, weights: Array | None, *, fit_intercept: bool
    ) -> None:
        n, d = rows.shape
        self.k, self.fit_intercept = 1 if classes == 2 else classes, fit_intercept
        self.dtype = np.result_type(rows.dtype, np.float32)
        self.first = classes - self.k  # row of p: of two classes, the second
        self.z = np.empty((n, d + 1))
        self.z[:, :-1], self.z[:, -1] = rows, 1
        self.mean = self.z[:, :-1].mean(0) if fit_intercept else np.zeros(d)
        self.z[:, :-1] -= self.mean
        deviation = np.sqrt(np.einsum("ij,ij->j", self.z, self.z)[:-1] / n)
        self.scale = np.where(deviation > NOISE * np.abs(self.mean), deviation, 1.0)
        self.z[:, :-1] /= self.scale
        self.penalty = np.zeros(d + 1)  # on theta_j^2 / 2
        self.penalty[:-1] = (l2 / 2 if self.k == 1 else l2) / self.scale**2
        self.weights = np.full(n, 1 / n) if weights is None else weights / weights.sum()  # (N,), sum to 1
        self.labels, self.rows = labels, np.arange(n)
        self.one_hot = np.zeros((classes, n))
        self.one_hot[labels, self.rows] = self.weights
        self.step = max(1, n // max(MIN_ROWS, ROWS_PER_NUMBER * self.k * (d + 1)))
        self.products: Array | None = None

    def refine(self) -> None:
        """Take more rows for the Hessian, if it is made of some only."""
        if self.step > 1:
            self.step, self.products = max(1, self.step // 3), None

    def _column_products(self) -> Array:
        """z_i z_j for i >= j, (M, (D + 1) (D + 2) / 2): the Hessian is linear in them."""
        if self.products is None:
            i, j = np.tril_indices(self.z.shape[1])
            z = self.z[:: self.step]
            self.products = z[:, i] * z[:, j]
        return self.products

    def standardized(self, theta: NDArray[Any]) -> Array:
        """Theta (K, D + 1) for these columns from theta (C, D + 1) for the rows as they are."""
        theta = theta.astype(np.float64)
        theta = theta[1:] - theta[:1] if self.k == 1 else theta - theta.mean(0)
        bias = theta[:, -1] + theta[:, :-1] @ self.mean
        return np.column_stack([theta[:, :-1] * self.scale, bias if self.fit_intercept else np.zeros_like(bias)])

    def original(self, theta: Array, dtype: Any) -> NDArray[Any]:
        """Theta (C, D + 1) for the rows as they are, rounded to their type; the bias makes up for the weights' rounding."""
        theta = np.concatenate([-theta, theta]) / 2 if self.k == 1 else theta
        weight = (theta[:, :-1] / self.scale).astype(dtype)
        bias = theta[:, -1] - weight.astype(np.float64) @ self.mean
        return np.column_stack([weight, bias.astype(dtype)])

    def solution(self, theta: Array, steps: int, bound: float) -> Solution:
        """Theta (K, D + 1) as coefficients for the rows as they are, and how far those are above `bound`, rounding included."""
        theta = self.original(theta, self.dtype)
        rounded, _ = self.value(self.standardized(theta))
        return Solution(theta, steps, rounded - bound + ROUNDING * (abs(rounded) + abs(bound)))

    def value(self, theta: Array) -> tuple[float, Array]:
        """The objective at theta (K, D + 1), and log p (C, N)."""
        logits = theta @ self.z.T  # (K, N)
        if self.k == 1:
            larger = np.maximum(logits, 0) + np.log(1 + np.exp(-np.abs(logits)))
            log_p = np.concatenate([-larger, logits - larger])
        else:
            logits -= logits.max(0)
            log_p = logits - np.log(np.exp(logits).sum(0))
        loss = -float(log_p[self.labels, self.rows] @ self.weights)
        return loss + 0.5 * float(theta * theta @ self.penalty @ np.ones(self.k)), log_p

    def gradient(self, theta: Array, p: Array) -> Array:
        """The gradient (K, D + 1)."""
        residual = p[self.first :] * self.weights - self.one_hot[self.first :]  # (K, N)
        gradient: Array = residual @ self.z + self.penalty * theta
        if not self.fit_intercept:
            gradient[:, -1] = 0
        return gradient

    def newton_direction(self, gradient: Array, p: Array) -> Array:
        """-Hessian^-1 gradient (K, D + 1), what rounding made indefinite regularised."""
        hessian = self._hessian(p)
        if not self.fit_intercept:
            bias = np.arange(self.k) * self.z.shape[1] + self.z.shape[1] - 1
            hessian[bias], hessian[:, bias] = 0, 0
            hessian[bias, bias] = 1
        diagonal = hessian.diagonal().copy()
        lift = diagonal * EPS + TINY
        while True:
            hessian.flat[:: len(hessian) + 1] = diagonal + lift
            _, step, failed = dposv(hessian, gradient.reshape(-1, 1), lower=1)
            if not failed:
                direction: Array = -step.reshape(gradient.shape)
                return direction
            lift *= 4

    def _hessian(self, p: Array) -> Array:
        """The Hessian (K (D + 1), K (D + 1)), of every `step`-th row; definite along what is the same for every class, too."""
        p, weights = p[:, :: self.step], self.weights[:: self.step]
        weights = weights / weights.sum()
        if self.k == 1:
            z = self.z[:: self.step] * np.sqrt(p[0] * p[1] * weights)[:, None]
            binary: Array = z.T @ z
            binary.flat[:: len(binary) + 1] += self.penalty
            return binary
        width = self.z.shape[1]
        a, b = np.tril_indices(self.k)
        curvature = -p[a] * p[b]  # (K (K + 1) / 2, N)
        curvature[a == b] += p
        curvature *= weights
        full = np.zeros((width, width), dtype=np.intp)
        i, j = np.tril_indices(width)
        full[i, j] = full[j, i] = np.arange(len(i))  # which product of columns
        blocks = (curvature @ self._column_products())[:, full.reshape(-1)].reshape(-1, width, width)
        hessian = np.empty((self.k, width, self.k, width))  # of which the lower triangle is read
        for c in range(self.k):
            first = c * (c + 1) // 2
            hessian[c, :, : c + 1] = blocks[first : first + c + 1].transpose(1, 0, 2)
        matrix = hessian.reshape(self.k * width, -1)
        matrix.flat[:: len(matrix) + 1] += np.tile(self.penalty, self.k)
        shared = np.einsum("ajaj->j", hessian) / self.k**2
        hessian[:, range(width), :, range(width)] += shared[:, None, None]
        return matrix

    def promising(self, gradient: Array, tol: float) -> bool:
        """Whether the proof may succeed: the part of the gap that the gradient decides is small enough."""
        return float((gradient[:, :-1] ** 2 / self.penalty[:-1]).sum()) <= 2 * tol

    def lower_bound(self, theta: Array, log_p: Array) -> float:
        """What the objective cannot go below, as `duality_gap` has it, from log p at theta (K, D + 1), its bias made optimal."""
        log_p = self._with_optimal_bias(log_p) if self.fit_intercept else log_p
        p = np.exp(log_p)
        entropy = -float((p * log_p).sum(0) @ self.weights)
        g = self.gradient(theta, p) - self.penalty * theta  # (K, D + 1), the mean of (p - e_y) (z, 1)^T
        frequency = self.one_hot.sum(1)  # (C,)
        excess = p @ self.weights - frequency if self.fit_intercept else np.zeros_like(frequency)  # (C,)
        s = float(np.max(np.divide(excess, frequency + excess, where=frequency + excess > 0, out=np.zeros_like(excess)), initial=0))
        if s > 0:
            r = np.maximum(frequency - (1 - s) / s * excess, 0)  # (C,)
            entropy = (1 - s) * entropy - s * float(r[r > 0] @ np.log(r[r > 0]))
            mixed = np.outer(r, self.weights @ self.z) - self.one_hot @ self.z  # (C, D + 1)
            g = (1 - s) * g + s * mixed[self.first :]
        bound = entropy - 0.5 * float((g[:, :-1] ** 2 / self.penalty[:-1]).sum())
        return max(bound, 0.0)

    def _with_optimal_bias(self, log_p: Array) -> Array:
        """Log p (C, N) after two Newton steps in the biases, which takes no pass over the rows."""
        for _ in range(2):
            p = np.exp(log_p)
            weighted = p * self.weights
            mean = weighted.sum(1)
            hessian = np.diag(mean) - weighted @ p.T + 1 / len(mean)  # (C, C), definite along what is the same for all
            step = np.linalg.lstsq(hessian, mean - self.one_hot.sum(1), rcond=None)[0]  # (C,)
            log_p = log_p - np.clip(step, -1, 1)[:, None]
            log_p -= np.log(np.exp(log_p).sum(0))
        return log_p
