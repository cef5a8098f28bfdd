"""Few dense rows with many more features, solved in the space that they span (`softreg.optim.row_space`)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.optim.row_space import RowSpace
from softreg.optim.small_problem import SmallProblem, Solution

WIDE = 2  # features per row
MAX_ROWS = 500
MIN_CLASSES = 2


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
    """What `solve` finds in the coordinates of the rows. The gap is of the rows themselves, and tells what was rounded."""
    fit_intercept, weights = options["fit_intercept"], options["weights"]
    space = RowSpace.of(rows, centre=fit_intercept)
    start = None if start is None else space.project(start)
    found = solve(space.coordinates, labels, classes, l2, start=start, **options)
    problem = SmallProblem(rows, labels, classes, l2, weights, fit_intercept=fit_intercept, in_place=True)
    return problem.solution(problem.standardized(space.lift(found.theta)), found.steps)
