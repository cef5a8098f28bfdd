"""The minimum of an objective over numpy or SciPy arrays, to a proven gap: how the estimator solves what is not small."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softreg.compute.defaults import default_torch
from softreg.data.memory_map import map_array
from softreg.messages import translate
from softreg.optim.continuation import minimize_or_continue
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.elastic_net import minimize_elastic_net
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.small_problem import Solution
from softreg.optim.solver import State, TerminationReason
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver, solver_state
from softreg.optim.sparse_rows import SparseRows
from softreg.optim.standardization import Standardized, standardize

SOLVERS: dict[str, type[NewtonTypeSolver]] = {"lbfgs": LBFGS, "newton": Newton}
REFRESH_AT = (4, 8, 16, 45, 135)  # iterations after which the preconditioner is computed anew: sooner than for images
MARGIN = 0.9  # of the tolerance is the solver's; the rest is for rounding the coefficients
MARGIN_L1 = 0.3  # the same for an l1 penalty, where iterations cost little and scikit-learn's own tests compare scores closely
WORTH_THREADS = 2**22  # products in a pass over the rows, N D C, below which a second thread gains nothing

Array = NDArray[Any]


@torch.no_grad()
@default_torch()
def solve(
    rows: Any,
    labels: Array,
    classes: int,
    l2: float,
    l1: float,
    *,
    weights: Array | None,
    fit_intercept: bool,
    start: Array | None,
    solver: str,
    tol: float,
    max_iter: int,
) -> Solution:
    """Minimise the weighted mean cross-entropy plus 1/2 l2 ||W||^2 + l1 ||W||_1.

    Parameters
    ----------
    rows : (N, D), floating point, an array, mapped or not, or a SciPy CSR matrix
    labels : int64 (N,), in 0 ... classes - 1
    weights : (N,), or None if all are 1
    start : theta (C, D + 1), to begin at; None for zero
    solver : a key of `SOLVERS`
    tol : the gap to reach, proven
    max_iter : of the iterations

    Raises
    ------
    ValueError
        If numbers in the rows are too large to compute with.
    """
    matrix = DesignMatrix(_stored(rows), torch.from_numpy(labels), weights=None if weights is None else torch.from_numpy(weights))
    sparsity = torch.full((matrix.dim,), l1, dtype=torch.float64) if l1 else 0.0
    objective = Objective(matrix, classes, l2, fit_intercept=fit_intercept, l1=sparsity)
    with _threads(len(matrix) * matrix.dim * classes), _refusing_overflow():
        problem = standardize(objective)
        theta = torch.zeros(classes, matrix.dim + 1, dtype=matrix.dtype)
        if start is not None:
            theta = problem.standardized(torch.from_numpy(start)).to(matrix.dtype)
        if l1:
            exact_theta, steps, _ = minimize_elastic_net(problem.objective, theta, MARGIN_L1 * tol, max_iter)
            theta = problem.original(exact_theta, matrix.dtype)
            rounded = duality_gap(problem.objective, problem.standardized(theta), exact_theta)
            return Solution(theta.numpy(), steps, rounded.gap)
        settings = {} if solver == "newton" else {"refresh_at": REFRESH_AT}
        state = minimize_or_continue(SOLVERS[solver](MARGIN * tol, max_iter, l2 > 0, **settings), problem.objective, theta)
        solution = _solution(problem, state, 0)
        if solution.gap > tol and state.steps < max_iter:  # in float64, where the Hessian itself is solved with
            exact = Newton(MARGIN * tol, max_iter - state.steps, certify=l2 > 0)
            solution = _solution(problem, minimize(exact, problem.objective, state.theta.double()), state.steps)
    return solution


def _solution(problem: Standardized, state: State, before: int) -> Solution:
    """For the features as they are, rounded to their type, and the gap of what was rounded; `before` are earlier iterations.

    The last direction, found for the proof, is a Newton step, and is taken where it leads downhill and iterations are left.
    """
    objective, here = problem.objective, solver_state(state)
    nearer = state.theta.double() + here.direction.nan_to_num(0.0, 0.0, 0.0)
    theta = problem.original(nearer, objective.matrix.dtype)
    exhausted = state.termination is not None and state.termination.reason is TerminationReason.OUT_OF_ITERATIONS
    if exhausted or not objective.value(problem.standardized(theta)) <= objective.value(state.theta.double()):
        theta = problem.original(state.theta, objective.matrix.dtype)
    steps = before + state.steps
    if objective.l2 == 0:
        return Solution(theta.numpy(), steps, float(here.gap))
    rounded = problem.standardized(theta)
    if here.lower_bound is None:
        return Solution(theta.numpy(), steps, duality_gap(objective, rounded, nearer).gap)
    return Solution(theta.numpy(), steps, objective.value(rounded) - float(here.lower_bound))


def _stored(rows: Any) -> Any:
    """The rows (N, D) as a design matrix takes them; mapped ones stay in their file, and are checked here.

    Raises
    ------
    ValueError
        If mapped rows are not finite.
    """
    if isinstance(rows, np.memmap):
        mapped = map_array(rows)
        unlabelled = DesignMatrix(mapped, torch.zeros(len(mapped), dtype=torch.int64))
        if not all(finite for (finite,) in unlabelled.map_chunks(lambda x, y, w: (x.isfinite().all(),))):
            raise ValueError(translate("solvers.estimator_not_finite"))
        return mapped
    return torch.from_numpy(np.require(rows, requirements=["C", "W"])) if isinstance(rows, np.ndarray) else SparseRows(rows)


@contextmanager
def _refusing_overflow() -> Iterator[None]:
    """Raise a ValueError about the size of the numbers where a matrix cannot be decomposed."""
    try:
        yield
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise ValueError(translate("solvers.estimator_too_large")) from error


@contextmanager
def _threads(products: int) -> Iterator[None]:
    """One thread for small problems."""
    before = torch.get_num_threads()
    if products < WORTH_THREADS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
