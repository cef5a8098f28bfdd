"""More features than rows: the same problem in as many features as there are rows.

The weights at the minimum are combinations of the centred rows (the representer theorem; Hastie and Tibshirani, Efficient quadratic
regularization for expression arrays, Biostatistics 5, 2004). With the Cholesky decomposition X X^T = L L^T, the features L have the
same inner products, so the penalty is the same, and W = V L^-1 X. What the decomposition rounds, the gap tells.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from softreg.optim.small_problem import SmallProblem, Solution

WIDE = 2  # features per row
MAX_ROWS = 500
MIN_CLASSES = 2
LIFT = 1e-15  # of the trace of the Gram matrix


def is_wide(rows: Any, classes: int, l2: float) -> bool:
    """Whether the rows (N, D) are dense, few, and far fewer than the features; without a penalty the weights are not unique.

    For two classes, a decomposition costs more than the few gradients that would do.
    """
    few = isinstance(rows, np.ndarray) and len(rows) <= MAX_ROWS and rows.shape[1] > WIDE * len(rows)
    return few and l2 > 0 and classes > MIN_CLASSES


def solve_wide(
    solve: Callable[..., Solution],
    rows: NDArray[Any],
    labels: NDArray[np.int64],
    classes: int,
    l2: float,
    *,
    start: NDArray[Any] | None,
    **options: Any,
) -> Solution:
    """What `solve` finds in the features L, for the rows as they are; the gap is computed from these."""
    fit_intercept, weights = options["fit_intercept"], options["weights"]
    mean = rows.mean(0, dtype=np.float64) if fit_intercept else np.zeros(rows.shape[1])
    centred = rows - mean
    gram = centred @ centred.T  # (N, N)
    gram.flat[:: len(gram) + 1] += LIFT * gram.trace()  # it is singular: the centred rows sum to zero
    features = np.linalg.cholesky(gram)  # (N, N)
    if start is not None:
        projected = solve_triangular(features, centred @ start[:, :-1].T, lower=True).T
        start = np.column_stack([projected, start[:, -1] + start[:, :-1] @ mean])
    found = solve(features, labels, classes, l2, start=start, **options)
    weight = solve_triangular(features, found.theta[:, :-1].T, lower=True, trans=1).T @ centred  # (C, D)
    theta = np.column_stack([weight, found.theta[:, -1] - weight @ mean])
    problem = SmallProblem(rows, labels, classes, l2, weights, fit_intercept=fit_intercept, in_place=True)
    return problem.solution(problem.standardized(theta), found.steps)
