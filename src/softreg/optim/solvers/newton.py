"""Newton's method, its linear systems solved inexactly by preconditioned conjugate gradients."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers.active_rows import active_rows
from softreg.optim.solvers.newton_type import InverseHessian, NewtonTypeSolver, NewtonTypeState


@dataclass(eq=False)
class Newton(NewtonTypeSolver):
    """Every direction solves Hessian d = -gradient approximately; the preconditioner speeds up the conjugate gradients.

    Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.1. Few iterations, each of several passes over the rows: slower
    than L-BFGS where the blocks approximate the Hessian well, as for images; more robust where they do not.

    Parameters
    ----------
    refresh_at : iterations after which the preconditioner is computed anew
    """

    refresh_at: tuple[int, ...] = (1, 3, 9, 27, 81, 243)
    always_cg: ClassVar[bool] = True

    def inverse_hessian(self, objective: Objective, state: NewtonTypeState) -> InverseHessian:
        """The preconditioner's, for conjugate gradients that may apply it many times."""
        return self.preconditioner(objective, state.reference_theta).repeated_solve()

    def curvature(self, objective: Objective, theta: Tensor) -> Objective:
        """Over the rows that have most of it: far fewer than all, if nearly all are classified with certainty."""
        return active_rows(objective, theta)
