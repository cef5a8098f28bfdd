"""Limited-memory BFGS in the metric of a preconditioner."""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.objective import Objective
from softreg.solvers import State
from softreg.solvers.descent import Descent, inner

PAIRS = 20  # steps remembered


@dataclass(eq=False)
class LBFGS(Descent):
    """Corrects the preconditioner by how the gradient changed along the last steps.

    Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5; the first guess of the inverse Hessian is the
    preconditioner's. Remembers `steps` and `changes` (M, C, D + 1), of the last M <= 20 iterations since the anchor.
    """

    def remember(self, memory: dict[str, Tensor], step: Tensor, change: Tensor) -> None:
        """Keep the step and the change of the gradient along it, unless rounding has spoilt them: convexity makes it grow."""
        if float(inner(step, change)) > 0:
            for name, new in (("steps", step), ("changes", change)):
                memory[name] = torch.cat([memory[name], new[None]])[-PAIRS:] if name in memory else new[None]

    def direction(self, objective: Objective, state: State) -> Tensor:
        """-B^-1 gradient, by the two loops over what is remembered."""
        solve = self.preconditioner(objective, state.memory["anchor"]).solve
        pairs = list(zip(state.memory["steps"], state.memory["changes"], strict=True)) if "steps" in state.memory else []
        rest, parts = state.memory["gradient"].clone(), []
        for step, change in reversed(pairs):
            parts.append(inner(step, rest) / inner(step, change))
            rest -= parts[-1] * change
        result = solve(rest)
        for (step, change), part in zip(pairs, reversed(parts), strict=True):
            result += (part - inner(change, result) / inner(step, change)) * step
        return -result
