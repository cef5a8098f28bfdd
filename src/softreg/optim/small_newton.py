"""Newton's method with the whole Hessian, for small problems.

Half a dozen iterations, whatever the scales and correlations of the columns. A problem such as iris is solved in less time than
torch takes to import or a general solver to set up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.optim.small_problem import FINE, MIN_ROWS, NOISE, ROWS_PER_NUMBER, Array, SmallProblem, Solution

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
    theta = problem.standardized(np.zeros((classes, rows.shape[1] + 1)) if start is None else start)
    value, log_p = problem.value(theta)
    steps, bound, decrement, last = 0, 0.0, np.inf, False
    while True:
        p = np.exp(log_p)
        gradient = problem.gradient(theta, p)
        if l2 > 0 and (problem.promising(gradient, tol) or steps >= max_iter):
            bound = max(bound, problem.lower_bound(theta, log_p))
        proven = l2 > 0 and value - bound <= tol
        if steps >= max_iter or (proven and (tol >= FINE or last)):
            break
        last = proven  # one more step makes fine coefficients finer
        direction = problem.newton_direction(gradient, p)
        slope, before = float((gradient * direction).sum()), decrement
        decrement = -slope / 2
        found = _line_search(problem, theta, value, direction, slope) if slope < 0 else None
        if found is None or (l2 == 0 and decrement <= tol):
            break
        if SLOW * before < decrement and before < NEAR * value:
            problem.refine()
        theta, value, log_p = found
        steps += 1
    if l2 > 0:
        bound = max(bound, problem.lower_bound(theta, log_p))
        return problem.solution(theta, steps, bound)
    solution = problem.solution(theta, steps, value)
    return Solution(solution.theta, steps, decrement + max(solution.gap, 0))


def _line_search(
    problem: SmallProblem, theta: Array, value: float, direction: Array, slope: float
) -> tuple[Array, float, Array] | None:
    """The theta, value and log p of the longest step 1, 1/2, 1/4, ... that lowers the objective enough; None if there is none."""
    length = 1.0
    for _ in range(MAX_HALVINGS):
        trial = theta + length * direction
        trial_value, log_p = problem.value(trial)
        if trial_value <= value + DECREASE * length * slope + NOISE * abs(value):
            return trial, trial_value, log_p
        length /= 2
    return None
