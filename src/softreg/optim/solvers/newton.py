"""Newton's method, its linear systems solved by preconditioned conjugate gradients as far as it pays."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers.newton_type import Inverse, NewtonTypeSolver


@dataclass(eq=False)
class Newton(NewtonTypeSolver):
    """Every direction solves Hessian d = -gradient, nearly; the preconditioner serves the conjugate gradients.

    Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.1. Few iterations, each of several passes over the rows: slower
    than L-BFGS where the blocks are a good guess of the Hessian, as for images; surer where nothing is.
    """

    refresh: ClassVar[tuple[int, ...]] = (1, 3, 9, 27, 81, 243)
    always: ClassVar[bool] = True

    def inverse(self, objective: Objective, memory: dict[str, Tensor]) -> Inverse:
        """The preconditioner's."""
        return self.preconditioner(objective, memory["anchor"]).solve
