"""The minimum over numpy or SciPy arrays, by the solver that suits their size. Torch is imported only if a large one is needed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from softreg.messages import translate
from softreg.optim.small_lbfgs import MAX_NUMEL, is_middling, solve_middling
from softreg.optim.small_newton import is_small, solve_small
from softreg.optim.small_problem import FINE, Solution
from softreg.optim.weightless_classes import solve_others, without_weight
from softreg.optim.wide_rows import is_wide, solve_wide


def solve_arrays(
    rows: Any, labels: Any, classes: int, l2: float, l1: float, *, solver: str, max_iter: int, start: Any, **options: Any
) -> Solution:
    """What `exact.solve` finds, with its parameters; problems that are not large are solved whatever `solver` says.

    With an intercept, classes may be without weight.

    Raises
    ------
    ValueError
        If numbers in the rows are too large to compute with.
    """
    weightless = without_weight(labels, classes, options["weights"])
    if options["fit_intercept"] and weightless.any():
        options |= {"l2": l2, "l1": l1, "solver": solver, "max_iter": max_iter, "start": start}
        return solve_others(solve_arrays, rows, labels, weightless, **options)
    before = 0
    for solve_quickly in _quick_solvers(rows, classes, l2, options["tol"]) if l1 == 0 else []:
        with np.errstate(all="ignore"):  # where columns are extreme; the gap tells
            solution = solve_quickly(rows, labels, classes, l2, start=start, max_iter=max_iter - before, **options)
        start, before = solution.theta if np.isfinite(solution.theta).all() else start, before + solution.steps
        if solution.gap <= options["tol"] or before >= max_iter:
            return Solution(solution.theta, before, solution.gap)
    from softreg.optim.exact import solve

    solution = solve(rows, labels, classes, l2, l1, solver=solver, max_iter=max_iter - before, start=start, **options)
    if not np.isfinite(solution.theta).all():
        raise ValueError(translate("solvers.estimator_too_large"))
    return Solution(solution.theta, before + solution.steps, solution.gap)


def _quick_solvers(rows: Any, classes: int, l2: float, tol: float) -> list[Callable[..., Solution]]:
    """The solvers to try in turn for dense rows (N, D) that are not large; none if they are."""
    if getattr(rows, "size", 0) > MAX_NUMEL:
        return []
    if is_wide(rows, classes, l2):
        return [partial(solve_wide, solve_middling), solve_middling]
    newton = [solve_small] if is_small(rows, classes) else []
    lbfgs = [solve_middling] if is_middling(rows, classes, l2) else []
    return newton if newton and tol < FINE else [*lbfgs, *newton]


def stays_in_file(X: Any) -> bool:
    """Whether X is rows in a file, such as `numpy.load(path, mmap_mode="r")` returns, that can be used where they are."""
    wanted = isinstance(X, np.memmap) and X.ndim == 2 and X.flags.c_contiguous and X.filename is not None
    return wanted and X.size > MAX_NUMEL and X.dtype.name in {"float16", "float32", "float64"}


def with_column(X: Any, value: float) -> Any:
    """X (N, D + 1), a column of `value` appended."""
    column = np.full((X.shape[0], 1), value, dtype=X.dtype)
    return sparse.hstack([X, column], format="csr") if sparse.issparse(X) else np.hstack([X, column])
