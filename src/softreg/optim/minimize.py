"""minimize(): the one loop that drives every solver."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solver import Solver, State, Termination, TerminationReason


class StopMinimization(Exception):  # noqa: N818 - no error, as StopIteration is none
    """Raise it in `on_step` to end the minimisation after the step just taken."""


def minimize(
    solver: Solver,
    objective: Objective,
    theta: Tensor,
    *,
    resume_from: State | None = None,
    on_step: Callable[[State], None] = lambda state: None,
) -> State:
    """Step until the solver terminates.

    Parameters
    ----------
    solver : how to step
    objective : what to minimise
    theta : (C, D + 1), the start
    resume_from : a state of an earlier call, to continue from instead of starting
    on_step : called with the state after each step; may raise `StopMinimization`

    Returns
    -------
    State
        The last one, its `termination` set.

    Raises
    ------
    SolverError
        If the objective stops being finite.
    """
    state = resume_from or solver.start(objective, theta)
    while state.termination is None:
        state = solver.step(objective, state)
        try:
            on_step(state)
        except StopMinimization:
            return replace(state, termination=Termination(TerminationReason.STOPPED, {"steps": state.steps}))
    return state
