"""A line search that does not trust the last digits of the objective."""

import torch
from torch import Tensor

from softreg.optim.objective import Objective

DECREASE = 0.1  # Wolfe: the objective falls by this part of what the initial slope promises ...
CURVATURE = 0.9  # ... and the slope rises to this part of the initial one
MAX_TRIALS = 30


def line_search(
    objective: Objective, theta: Tensor, cost: float, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, float, Tensor] | None:
    """A better theta (C, D + 1) along the direction, its cost and gradient; None if rounding hides every decrease.

    A step length is accepted if it fulfils Wolfe's conditions or, where rounding hides the decrease, the approximate Wolfe
    conditions, which look at slopes alone (Hager and Zhang, SIAM J. Optim. 16, 2005). The first length tried is 1, which nearly
    always is good enough.
    """
    slope = float((gradient * direction).sum())
    noise = 10 * torch.finfo(theta.dtype).eps * abs(cost)
    low, low_slope, high, length = 0.0, slope, float("inf"), 1.0
    for _ in range(MAX_TRIALS):
        trial = theta + length * direction
        trial_cost, trial_gradient = objective.value_and_gradient(trial)
        trial_slope = float((trial_gradient * direction).sum())
        fell = trial_cost <= cost + DECREASE * length * slope
        flat = trial_cost <= cost + noise and trial_slope <= (2 * DECREASE - 1) * slope
        if (fell or flat) and trial_slope >= CURVATURE * slope:
            return trial, trial_cost, trial_gradient
        secant = length - trial_slope * (length - low) / (trial_slope - low_slope) if trial_slope > low_slope else float("inf")
        if fell or flat:  # too short: by convexity the minimum lies beyond
            low, low_slope = length, trial_slope
        else:
            high = length
        room = min(high, 10 * length) - low if high < float("inf") else 10 * length
        length = min(max(secant, low + 0.1 * room), low + (0.9 if high < float("inf") else 1.0) * room)
    return None
