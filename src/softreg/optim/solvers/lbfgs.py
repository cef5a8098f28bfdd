"""Limited-memory BFGS in the metric of a preconditioner."""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers.conjugate_gradients import inner
from softreg.optim.solvers.newton_type import Inverse, NewtonTypeSolver

PAIRS = 20  # steps remembered


@dataclass(eq=False)
class LBFGS(NewtonTypeSolver):
    """Corrects the preconditioner by how the gradient changed along the last steps.

    Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5; the first guess of the inverse Hessian is the
    preconditioner's. Remembers `steps` and `changes` (M, C, D + 1), of the last M <= 20 iterations since the anchor.
    """

    def remember(self, memory: dict[str, Tensor], step: Tensor, change: Tensor) -> None:
        """Keep the step and the change of the gradient along it, unless rounding has spoilt them: convexity makes it grow."""
        if float(inner(step, change)) > 0:
            for name, new in (("steps", step), ("changes", change)):
                memory[name] = torch.cat([memory[name], new[None]])[-PAIRS:] if name in memory else new[None]

    def inverse(self, objective: Objective, memory: dict[str, Tensor]) -> Inverse:
        """The two loops over what is remembered."""
        solve = self.preconditioner(objective, memory["anchor"]).solve
        pairs = list(zip(memory["steps"], memory["changes"], strict=True)) if "steps" in memory else []

        def two_loops(gradient: Tensor) -> Tensor:
            rest, parts = gradient.clone(), []
            for step, change in reversed(pairs):
                parts.append(inner(step, rest) / inner(step, change))
                rest -= parts[-1] * change
            direction = solve(rest)
            for (step, change), part in zip(pairs, reversed(parts), strict=True):
                direction += (part - inner(change, direction) / inner(step, change)) * step
            return direction

        return two_loops
