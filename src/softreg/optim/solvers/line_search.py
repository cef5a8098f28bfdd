"""A line search that does not trust the last digits of the objective."""

import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solver import State

DECREASE = 0.1  # a step is short enough when the objective fell by this part of what the slope promised ...
SLOPE_LEFT = 0.9  # ... and long enough when the slope along it has fallen to this part
TRIALS = 30


def line_search(objective: Objective, state: State) -> tuple[Tensor, float, Tensor] | None:
    """The theta (C, D + 1) a good way along the direction, its cost and gradient; None if rounding hides every decrease.

    A length is good by Wolfe's conditions or, when the decrease drowns in rounding, by the approximate ones, which ask the slope
    alone (Hager and Zhang, SIAM J. Optim. 16, 2005). The first length tried is 1, nearly always good enough.
    """
    gradient, direction = state.memory["gradient"], state.memory["direction"]
    slope = float((gradient * direction).sum())
    noise = 10 * torch.finfo(state.theta.dtype).eps * abs(state.cost)
    low, low_slope, high, length = 0.0, slope, float("inf"), 1.0
    for _ in range(TRIALS):
        theta = state.theta + length * direction
        cost, gradient = objective.value_and_gradient(theta)
        here = float((gradient * direction).sum())
        fell = cost <= state.cost + DECREASE * length * slope
        flat = cost <= state.cost + noise and here <= (2 * DECREASE - 1) * slope
        if (fell or flat) and here >= SLOPE_LEFT * slope:
            return theta, cost, gradient
        secant = length - here * (length - low) / (here - low_slope) if here > low_slope else float("inf")
        if fell or flat:  # too short: convex, so the minimum lies beyond
            low, low_slope = length, here
        else:
            high = length
        room = min(high, 10 * length) - low if high < float("inf") else 10 * length
        length = min(max(secant, low + 0.1 * room), low + (0.9 if high < float("inf") else 1.0) * room)
    return None
