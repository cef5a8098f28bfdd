"""Newton's method with the whole Hessian, for small problems.

Half a dozen iterations, whatever the scales and correlations of the columns. A problem such as iris is solved in less time than
torch takes to import or a general solver to set up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from softreg.optim.small_problem import EPS, FINE, NOISE, Array, SmallProblem, Solution

MIN_ROWS, ROWS_PER_NUMBER = 1000, 15  # for the Hessian: at least so many in all, and for each number in theta
TINY = 1e-300
MAX_NUMEL = 2**23  # numbers in the rows and the probabilities
MAX_SIZE = 640  # of the Hessian
MAX_PRODUCTS = 2**26  # in one Hessian, below which no other solver could save much
RATIO = 64  # products in a Hessian over those in a gradient, above which other solvers are faster
SLOW, NEAR = 0.3, 0.1  # a decrement above this part of the one before, that below this of the value: more rows for the Hessian
LOOSEST = 1e-6  # tolerance: a looser one saves an iteration at most
DECREASE, MAX_HALVINGS = 1e-4, 40


def is_small(rows: Any, classes: int) -> bool:
    """Whether the rows (N, D) are dense, and the whole Hessian cheap beside the tens of gradients that would do in its place."""
    if not isinstance(rows, np.ndarray):
        return False
    (n, d), k = rows.shape, 1 if classes == 2 else classes
    sampled = min(n, max(MIN_ROWS, ROWS_PER_NUMBER * k * (d + 1)))
    products = k * (k + 1) / 2 * sampled * d * d / (1 if k == 1 else 2)
    cheap = products <= max(MAX_PRODUCTS, RATIO * n * d * classes)
    return bool(cheap and k * (d + 1) <= MAX_SIZE and n * (d + 1 + classes) <= MAX_NUMEL)


def solve_small(
    rows: NDArray[Any],
    labels: NDArray[np.int64],
    classes: int,
    l2: float,
    *,
    weights: Array | None,
    fit_intercept: bool,
    start: NDArray[Any] | None,
    tol: float,
    max_iter: int,
) -> Solution:
    """Minimise the weighted mean cross-entropy plus 1/2 l2 ||W||^2; parameters as those of `exact.solve`."""
    tol = min(tol, LOOSEST)
    problem = SmallProblem(rows, labels, classes, l2, weights, fit_intercept=fit_intercept)
    hessian = Hessian(problem)
    theta = problem.standardized(start)
    value, logits, p = _value(problem, theta)
    steps, bound, decrement, last = 0, 0.0, np.inf, False
    while True:
        gradient = problem.gradient(theta, problem.residual(p))
        if l2 > 0 and (problem.upper_estimate(gradient) <= tol or steps >= max_iter):
            bound = max(bound, problem.lower_bound(logits))
        proven = l2 > 0 and value - bound <= tol
        if steps >= max_iter or (proven and (tol >= FINE or last)):
            break
        last = proven  # one more step makes fine coefficients finer
        direction = hessian.newton_direction(gradient, p)
        slope, before = float((gradient * direction).sum()), decrement
        decrement = -slope / 2
        found = _line_search(problem, theta, value, direction, slope) if slope < 0 else None
        if found is None or (l2 == 0 and decrement <= tol):
            break
        if SLOW * before < decrement and before < NEAR * value:
            hessian.refine()
        theta, (value, logits, p) = found
        steps += 1
    if l2 > 0:
        return problem.solution(theta, steps, logits, bound)
    solution = problem.solution(theta, steps, bound=value)
    return Solution(solution.theta, steps, decrement + max(solution.gap, 0))


def _value(problem: SmallProblem, theta: Array) -> tuple[float, Array, Array]:
    """The objective, the logits and the probabilities (K, N)."""
    logits = problem.logits(theta)
    loss, p = problem.loss_and_probabilities(logits)
    return loss + problem.penalty_at(theta), logits, p


def _line_search(
    problem: SmallProblem, theta: Array, value: float, direction: Array, slope: float
) -> tuple[Array, tuple[float, Array, Array]] | None:
    """The theta of the longest step 1, 1/2, 1/4, ... that lowers the objective enough, and what `_value` says there."""
    length = 1.0
    for _ in range(MAX_HALVINGS):
        trial = theta + length * direction
        found = _value(problem, trial)
        if found[0] <= value + DECREASE * length * slope + NOISE * abs(value):
            return trial, found
        length /= 2
    return None


class Hessian:
    """The whole Hessian of a problem, of every `step`-th row; z is (N, D + 1), a column of ones appended."""

    def __init__(self, problem: SmallProblem) -> None:
        self.problem, self.k = problem, problem.k
        n, d = problem.z.shape
        self.z = np.column_stack([problem.z, np.full(n, float(problem.fit_intercept))])
        self.step = max(1, n // max(MIN_ROWS, ROWS_PER_NUMBER * self.k * (d + 1)))
        self.penalty = np.append(problem.penalty64, 0.0)
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

    def newton_direction(self, gradient: Array, p: Array) -> Array:
        """-Hessian^-1 gradient (K, D + 1), what rounding made indefinite regularised."""
        hessian = self._hessian(p)
        if not self.problem.fit_intercept:
            bias = np.arange(self.k) * self.z.shape[1] + self.z.shape[1] - 1
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
        p, weights = p[:, :: self.step], self.problem.weights64[:: self.step]
        weights = weights / weights.sum()
        if self.k == 1:
            z = self.z[:: self.step] * np.sqrt(p[0] * (1 - p[0]) * weights)[:, None]
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
        hessian = np.zeros((self.k, width, self.k, width))  # of which the lower triangle is read
        for c in range(self.k):
            first = c * (c + 1) // 2
            hessian[c, :, : c + 1] = blocks[first : first + c + 1].transpose(1, 0, 2)
        matrix = hessian.reshape(self.k * width, -1)
        matrix.flat[:: len(matrix) + 1] += np.tile(self.penalty, self.k)
        shared = np.einsum("ajaj->j", hessian) / self.k**2
        hessian[:, range(width), :, range(width)] += shared[:, None, None]
        return matrix
