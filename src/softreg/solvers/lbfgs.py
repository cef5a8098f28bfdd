"""Limited-memory BFGS in the metric of a preconditioner.

Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5, the first guess of the inverse Hessian being a
preconditioner's; line search by Hager and Zhang's approximate Wolfe conditions (SIAM J. Optim. 16, 2005), which do not trust the last
digits of the objective.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from softreg.objective import Objective
from softreg.solvers import Ending, State
from softreg.solvers.preconditioner import Preconditioner, precondition

PAIRS = 20  # steps remembered
REFRESH = (8, 24, 72)  # iterations after which the preconditioner is made anew
SLOPE_LEFT = 0.9  # a step is long enough when the slope along it has fallen to this part ...
DECREASE = 0.1  # ... and short enough when the objective fell by this part of what the slope promised
TRIALS = 30


@dataclass(eq=False)
class LBFGS:
    """theta <- theta - t * B^-1 gradient: B is the preconditioner, corrected by the last steps' changes of the gradient.

    One step is one iteration, its cost the objective after it. `memory` holds the gradient, the direction to go, the remembered steps
    and changes, and the anchor: the theta at which the preconditioner was made. The preconditioner itself is not remembered but made
    again from its anchor, the same bit for bit.
    """

    tol: float
    max_iterations: int
    _kept: tuple[Tensor, Preconditioner] | None = field(default=None, init=False, repr=False)

    @property
    def total(self) -> int:
        """Iterations, at most."""
        return self.max_iterations

    def start(self, objective: Objective, theta: Tensor) -> State:
        """At theta (C, D + 1), moved to sum to zero over classes: softmax cannot tell, and the penalty is least there."""
        theta = theta - theta.mean(0)
        cost, gradient = objective.value_and_gradient(theta)
        none = theta.new_empty(0, *theta.shape)
        memory = {"gradient": gradient, "anchor": theta, "steps": none, "changes": none}
        return self._directed(objective, State(theta, steps=0, cost=cost, ended=None, memory=memory))

    def step(self, objective: Objective, state: State) -> State:
        """One iteration."""
        memory = dict(state.memory)
        found = search(objective, state.theta, state.cost, memory["gradient"], memory["direction"])
        if found is None:
            return replace(state, ended=self._ending("stalled", state), steps=state.steps + 1)
        theta, cost, gradient = found
        step, change = theta - state.theta, gradient - memory["gradient"]
        if float((step * change).sum()) > 0:
            memory["steps"] = torch.cat([memory["steps"], step[None]])[-PAIRS:]
            memory["changes"] = torch.cat([memory["changes"], change[None]])[-PAIRS:]
        steps = state.steps + 1
        if steps in REFRESH:
            memory |= {"anchor": theta, "steps": theta.new_empty(0, *theta.shape), "changes": theta.new_empty(0, *theta.shape)}
        memory["gradient"] = gradient
        return self._directed(objective, State(theta, steps, cost, None, memory))

    def _directed(self, objective: Objective, state: State) -> State:
        """With the direction to go from here, and the ending if going is not worth it."""
        memory = state.memory
        direction = -self._inverse(objective, memory)
        decrement = -0.5 * float((direction * memory["gradient"]).sum())
        state = replace(state, memory=memory | {"direction": direction, "estimate": torch.tensor(decrement, dtype=torch.float64)})
        if decrement <= self.tol:
            return replace(state, ended=self._ending("converged", state))
        if state.steps >= self.max_iterations:
            return replace(state, ended=self._ending("out_of_iterations", state))
        return state

    def _inverse(self, objective: Objective, memory: dict[str, Tensor]) -> Tensor:
        """B^-1 gradient, (C, D + 1): the two loops over the remembered steps."""
        solve = self._preconditioner(objective, memory["anchor"]).solve
        rest, parts = memory["gradient"].clone(), []
        pairs = list(zip(memory["steps"], memory["changes"], strict=True))
        for step, change in reversed(pairs):
            parts.append((step * rest).sum() / (step * change).sum())
            rest -= parts[-1] * change
        result = solve(rest)
        if pairs:  # the metric's length, from the last step
            step, change = pairs[-1]
            result *= (step * change).sum() / (change * solve(change)).sum()
        for (step, change), part in zip(pairs, reversed(parts), strict=True):
            result += (part - (change * result).sum() / (step * change).sum()) * step
        return result

    def _preconditioner(self, objective: Objective, anchor: Tensor) -> Preconditioner:
        if self._kept is None or self._kept[0] is not anchor:
            self._kept = anchor, precondition(objective, anchor)
        return self._kept[1]

    def _ending(self, key: str, state: State) -> Ending:
        gap = float(state.memory["estimate"])
        return Ending(key, converged=key == "converged", facts={"iterations": state.steps, "gap": gap, "tol": self.tol})


def search(
    objective: Objective, theta: Tensor, cost: float, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, float, Tensor] | None:
    """The theta (C, D + 1) a good way along the direction, its cost and gradient; None if rounding hides every decrease."""
    slope = float((gradient * direction).sum())
    noise = 10 * torch.finfo(torch.float32).eps * abs(cost) if theta.dtype == torch.float32 else 1e-14 * abs(cost)
    low, low_slope, high, length = 0.0, slope, float("inf"), 1.0
    for _ in range(TRIALS):
        there = theta + length * direction
        new_cost, new_gradient = objective.value_and_gradient(there)
        new_slope = float((new_gradient * direction).sum())
        fell = new_cost <= cost + DECREASE * length * slope
        flat = new_cost <= cost + noise and new_slope <= (2 * DECREASE - 1) * slope
        if not (fell or flat):
            high = length
        elif new_slope < SLOPE_LEFT * slope:
            low, low_slope = length, new_slope
        else:
            return there, new_cost, new_gradient
        secant = (
            low - low_slope * (length - low) / (new_slope - low_slope) if new_slope > low_slope and length > low else 2 * length
        )
        if high < float("inf"):
            length = min(max(secant, low + 0.1 * (high - low)), high - 0.1 * (high - low))
        else:
            length = min(max(secant, 2 * length), 10 * length)
    return None
