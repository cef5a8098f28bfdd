"""How far a minimisation has come, for a bar with the time left."""

import math

from softreg.optim.solver import Solver, State
from softreg.optim.solvers.newton_type import NewtonTypeSolver, NewtonTypeState

FIRST_GAP = 1.0  # nats: about what there is to gain at the start


def percent_done(solver: Solver, state: State) -> int:
    """From 0 to 100: of the epochs or, where the solver stops at a gap to the minimum, of the way there.

    The gap shrinks by about the same factor in each iteration, so the way is measured in its logarithm.
    """
    if state.termination is not None:
        return 100
    share = state.steps / solver.total
    if isinstance(solver, NewtonTypeSolver) and isinstance(state.solver_state, NewtonTypeState):
        gap = float(state.solver_state.gap)
        if 0 < gap < FIRST_GAP and solver.tol < FIRST_GAP:
            share = max(share, math.log(FIRST_GAP / gap) / math.log(FIRST_GAP / solver.tol))
    return min(99, int(100 * share))
