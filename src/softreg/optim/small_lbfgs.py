"""L-BFGS for problems of middling size and for wide ones, to a proven gap, in numpy and SciPy alone.

For those whose Hessian is too large, and whose passes over the rows are so short that the overhead of a general solver would show.
The variables are scaled by the diagonal of the Hessian at zero.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize as scipy_minimize

from softreg.optim.small_problem import FINE, Array, SmallProblem, Solution

MAX_NUMEL = 2**23  # numbers in the rows
MAX_PRODUCTS = 2**25  # in a pass over them: N D C
WIDE = 1000  # features, above which even an approximate Hessian is expensive
MAX_ITER = 150  # beyond, Newton's method is better
HISTORY_SIZE = 20


def is_middling(rows: Any, classes: int, l2: float) -> bool:
    """Whether the rows (N, D) are dense, and passes over them short or D large; without a penalty there is no proof."""
    if not isinstance(rows, np.ndarray) or l2 <= 0:
        return False
    n, d = rows.shape
    return rows.size <= MAX_NUMEL and (rows.size * classes <= MAX_PRODUCTS or d > min(n, WIDE))


def solve_middling(
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
    """Minimise the weighted mean cross-entropy plus 1/2 l2 ||W||^2; parameters as those of `exact.solve`.

    Gives up after some 150 iterations, or where rounding hides any progress: the gap tells.
    """
    problem = SmallProblem(rows, labels, classes, l2, weights, fit_intercept=fit_intercept)
    begin = problem.standardized(np.zeros((classes, rows.shape[1] + 1)) if start is None else start)
    unit = 1 / np.sqrt((1 - 1 / classes) / classes + problem.penalty)  # (D + 1,)
    goal = 0.9 * tol if tol >= FINE else 0.01 * tol
    here: dict[str, Any] = {"steps": 0, "bound": 0.0, "theta": begin}

    def value_and_gradient(variables: Array) -> tuple[float, Array]:
        theta = variables.reshape(begin.shape) * unit
        value, log_p = problem.value(theta)
        gradient = problem.gradient(theta, np.exp(log_p))
        here.update(gradient=gradient, log_p=log_p, value=value)
        return value, (gradient * unit).reshape(-1)

    def after_step(variables: Array) -> None:
        here["steps"] += 1
        here["theta"] = variables.reshape(begin.shape) * unit
        if problem.promising(here["gradient"], goal):
            here["bound"] = max(here["bound"], problem.lower_bound(here["theta"], here["log_p"]))
            if here["value"] - here["bound"] <= goal:
                raise StopIteration

    limit = min(max_iter, MAX_ITER)
    options = {"maxiter": limit, "maxfun": 20 * limit + 1, "maxcor": HISTORY_SIZE, "ftol": 0, "gtol": 0}
    if limit > 0:
        first = (begin / unit).reshape(-1)
        scipy_minimize(value_and_gradient, first, jac=True, method="L-BFGS-B", callback=after_step, options=options)
    theta = here["theta"]
    _, log_p = problem.value(theta)
    bound = max(here["bound"], problem.lower_bound(theta, log_p))
    return problem.solution(theta, here["steps"], bound)
