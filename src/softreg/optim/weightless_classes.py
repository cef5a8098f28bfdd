"""Classes all of whose rows have no weight: the objective has no minimum, but approaches that over the other classes.

It does as the bias of such a class falls without end. The bias is stopped where the class adds next to nothing to the objective.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from softreg.optim.small_problem import Solution

SHARE, FINEST = 0.01, 1e-12  # of the tolerance is what such classes may add; a smaller tolerance counts as this
BLOCK = 4096  # rows


def without_weight(labels: NDArray[np.int64], classes: int, weights: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Which classes (C,) have no weight; none if all rows weigh 1, since a class then has a row."""
    return np.zeros(classes, dtype=bool) if weights is None else np.bincount(labels, weights, classes) == 0


def solve_others(
    solve: Callable[..., Solution],
    rows: Any,
    labels: NDArray[np.int64],
    weightless: NDArray[np.bool_],
    *,
    weights: NDArray[Any],
    start: NDArray[Any] | None,
    tol: float,
    **options: Any,
) -> Solution:
    """What `solve(rows, labels, classes, ...)` finds for the classes that have weight, and a low bias for each that has none."""
    weighted = ~weightless
    others, added = int(weighted.sum()), SHARE * max(tol, FINEST)
    label = np.where(weighted, np.cumsum(weighted) - 1, 0)[labels]  # of rows without weight, any
    found = Solution(np.zeros((1, rows.shape[1] + 1), np.result_type(rows.dtype, np.float32)), 0, 0.0)
    if others > 1:
        start = None if start is None else start[weighted]
        found = solve(rows, label, others, weights=weights, start=start, tol=(1 - SHARE) * tol, **options)
    theta = np.zeros((len(weighted), rows.shape[1] + 1), found.theta.dtype)
    theta[weighted] = found.theta
    theta[weightless, -1] = _smallest_log_sum(rows, found.theta, weights) + math.log(added / (len(weighted) - others))
    return Solution(theta, found.steps, found.gap + added)


def _smallest_log_sum(rows: Any, theta: NDArray[Any], weights: NDArray[Any]) -> float:
    """The smallest log sum exp of the logits of theta (C, D + 1), among the rows (N, D) that have weight."""
    smallest = math.inf
    for first in range(0, rows.shape[0], BLOCK):
        some = weights[first : first + BLOCK] > 0
        if some.any():
            logits = rows[first : first + BLOCK][some] @ theta[:, :-1].T.astype(np.float64) + theta[:, -1]
            smallest = min(smallest, float(logsumexp(logits, axis=1).min()))
    return smallest
