"""Newton's method, its linear systems solved by preconditioned conjugate gradients as far as it pays."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from softreg.objective import Objective
from softreg.solvers import State
from softreg.solvers.descent import Descent, inner

FORCING = 0.3  # the part of the residual that the first system may leave; later ones leave less
PRODUCTS = 200  # with the Hessian, at most, in one iteration


@dataclass(eq=False)
class Newton(Descent):
    """Solves Hessian d = -gradient, nearly.

    Nocedal and Wright, Numerical Optimization, 2006, algorithms 5.3 and 7.1. The residual, in the preconditioner's metric, is brought
    below 0.3 of the gradient, and below its square root where that is less, so that the last iterations converge superlinearly.
    """

    refresh: ClassVar[tuple[int, ...]] = (1, 3, 9, 27, 81, 243)

    def direction(self, objective: Objective, state: State) -> Tensor:
        """Where conjugate gradients end."""
        gradient = state.memory["gradient"]
        solve = self.preconditioner(objective, state.memory["anchor"]).solve
        result, residual = torch.zeros_like(gradient), -gradient
        search = solve(residual)
        left = first = inner(residual, search)
        wanted = min(FORCING**2, float(first.abs()) ** 0.5) * float(first)
        for _ in range(PRODUCTS):
            if not float(left) > wanted:
                break
            product = objective.hessian_product(state.theta, search)
            length = left / inner(search, product)
            result.add_(search * length)
            residual = residual - length * product
            solved = solve(residual)
            left, before = inner(residual, solved), left
            search = solved + left / before * search
        return result
