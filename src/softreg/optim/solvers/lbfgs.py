"""Limited-memory BFGS in the metric of a preconditioner."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solver import SolverState
from softreg.optim.solvers.conjugate_gradients import inner
from softreg.optim.solvers.newton_type import InverseHessian, NewtonTypeSolver, NewtonTypeState

HISTORY_SIZE = 20


@dataclass(frozen=True, eq=False)
class LBFGSState(NewtonTypeState):
    """With the last M <= 20 steps since the preconditioner was computed.

    Attributes
    ----------
    s_history : (M, C, D + 1), the steps; None if there are none yet
    y_history : (M, C, D + 1), the change of the gradient along each; likewise
    """

    s_history: Tensor | None = field(default=None, metadata={"stored_as": "steps"})
    y_history: Tensor | None = field(default=None, metadata={"stored_as": "changes"})


@dataclass(eq=False)
class LBFGS(NewtonTypeSolver):
    """Corrects the preconditioner by the changes of the gradient along the last steps.

    Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5; the preconditioner is the initial inverse Hessian.
    """

    state_type: ClassVar[type[SolverState]] = LBFGSState

    def initial_state(self, gradient: Tensor, theta: Tensor) -> NewtonTypeState:
        """Without history."""
        return LBFGSState(**vars(super().initial_state(gradient, theta)))

    def update_history(self, state: NewtonTypeState, s: Tensor, y: Tensor) -> NewtonTypeState:
        """Append s and y, unless rounding has made s^T y negative, which convexity rules out."""
        assert isinstance(state, LBFGSState)
        if not float(inner(s, y)) > 0:
            return state
        return replace(state, s_history=_append(state.s_history, s), y_history=_append(state.y_history, y))

    def inverse_hessian(self, objective: Objective, state: NewtonTypeState) -> InverseHessian:
        """The two-loop recursion over the history."""
        assert isinstance(state, LBFGSState)
        preconditioner = self.preconditioner(objective, state.reference_theta)
        solve = preconditioner.solve
        history: list[tuple[Tensor, Tensor]] = []
        if state.s_history is not None and state.y_history is not None:
            history = list(zip(state.s_history, state.y_history, strict=True))
        scale = None
        if history and preconditioner.is_mean:  # equation 7.20: too long a step in most directions otherwise
            s, y = history[-1]
            scale = inner(s, y) / inner(y, solve(y))

        def two_loop_recursion(gradient: Tensor) -> Tensor:
            q, alphas = gradient.clone(), []
            for s, y in reversed(history):
                alphas.append(inner(s, q) / inner(s, y))
                q -= alphas[-1] * y
            r = solve(q) if scale is None else scale * solve(q)
            for (s, y), alpha in zip(history, reversed(alphas), strict=True):
                r += (alpha - inner(y, r) / inner(s, y)) * s
            return r

        return two_loop_recursion


def _append(history: Tensor | None, new: Tensor) -> Tensor:
    return new[None] if history is None else torch.cat([history, new[None]])[-HISTORY_SIZE:]
