"""Continuation: the minimum for a weak penalty, reached over the minima for stronger ones.

Where classes can be separated and the penalty is weak, a quadratic model tells little far from the minimum, and steps from zero
are tiny. The minimum for ten times the penalty is near enough to begin at (Friedman, Hastie and Tibshirani, Regularization paths
for generalized linear models, J. Stat. Softw. 33, 2010).
"""

from dataclasses import replace

import torch
from torch import Tensor

from softreg.optim.minimize import StopMinimization, minimize
from softreg.optim.objective import Objective
from softreg.optim.solver import State, TerminationReason
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver, solver_state

STRONGEST = 1e-4  # penalty on a typical scaled feature to begin with
FACTOR = 10.0  # between penalties
LOOSE = 0.03  # of the objective: how near to each minimum on the way
STRAYING = 3.0  # estimated gap over the objective, of which it is at most all
PATIENCE = 2  # iterations before a solver is judged
LAST = (3, 9, 27, 81, 243)  # iterations after which the preconditioner is computed anew, for the last penalty alone


def minimize_or_continue(solver: NewtonTypeSolver, objective: Objective, theta: Tensor) -> State:
    """What `minimize` finds; or, where the solver strays, what is found over stronger penalties.

    It strays if the estimated gap is several times the objective, whose minimum is not negative.
    """

    def stop_if_straying(state: State) -> None:
        straying = state.steps >= PATIENCE and float(solver_state(state).gap) > STRAYING * state.cost
        if straying and state.termination is None and objective.l2 > 0:
            raise StopMinimization

    state = minimize(solver, objective, theta, on_step=stop_if_straying)
    assert state.termination is not None
    if state.termination.reason is not TerminationReason.STOPPED:
        return state
    return minimize_by_continuation(solver, objective, state.steps)


def minimize_by_continuation(solver: NewtonTypeSolver, objective: Objective, steps: int) -> State:
    """The minimum by Newton's method, over penalties that fall to the objective's own; begun at zero, after `steps` iterations.

    The way there is taken in float32, the end in float64. The tolerance and the number of iterations are those of `solver`.
    """
    single = _in_single_precision(objective)
    theta, steps = stronger_penalties_first(single, solver.max_iterations, steps)
    proves = solver.certify and single is objective
    newton = Newton(solver.tol, max(0, solver.max_iterations - steps), proves, refresh_at=LAST)
    state = minimize(newton, single, theta)
    theta, steps = state.theta, steps + state.steps
    if proves and state.termination is not None and state.termination.converged:
        return replace(state, steps=steps)
    final = Newton(solver.tol, max(0, solver.max_iterations - steps), solver.certify)
    state = minimize(final, objective, theta.to(objective.matrix.accumulate_dtype))
    return replace(state, steps=steps + state.steps)


def stronger_penalties_first(objective: Objective, max_iterations: int, steps: int = 0) -> tuple[Tensor, int]:
    """A theta (C, D + 1) to begin at, near the minimum for ten times the penalty, and the iterations by then.

    It is zero if the penalty is not weak.
    """
    theta = torch.zeros(objective.classes, objective.matrix.dim + 1, device=objective.matrix.rows.device)
    cost, penalties = objective.value(theta), [objective.l2]
    typical = float(torch.as_tensor(objective.feature_penalty).median())
    while penalties[-1] * typical < STRONGEST:
        penalties.append(penalties[-1] * FACTOR)
    for l2 in reversed(penalties[1:]):
        newton = Newton(LOOSE * cost, max(0, max_iterations - steps), refresh_at=())
        state = minimize(newton, replace(objective, l2=l2), theta)
        theta, cost, steps = state.theta, state.cost, steps + state.steps
    return theta, steps


def _in_single_precision(objective: Objective) -> Objective:
    """Over a copy of the centred rows in float32, if they are float64 and not sparse."""
    matrix = objective.matrix
    if not isinstance(matrix.rows, Tensor) or matrix.rows.dtype != torch.float64:
        return objective
    rows = matrix.rows if matrix.centre is None else matrix.rows - matrix.centre
    return replace(objective, matrix=replace(matrix, rows=rows.float(), centre=None))
