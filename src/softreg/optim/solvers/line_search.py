"""A line search that does not trust the last digits of the objective."""

import math

import torch
from torch import Tensor

from softreg.optim.objective import Objective

DECREASE = 0.1  # Wolfe: the objective falls by this part of what the initial slope promises ...
CURVATURE = 0.9  # ... and the slope rises to this part of the initial one
MAX_TRIALS = 30
SHORTEST, LONGEST = 1e-3, 0.9  # a new length divides the interval around the minimum between these parts of it


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
    low, low_slope, high, length, shrunk = 0.0, slope, math.inf, 1.0, 0
    for _ in range(MAX_TRIALS):
        trial = theta + length * direction
        trial_cost, trial_gradient = objective.value_and_gradient(trial)
        trial_slope = float((trial_gradient * direction).sum())
        fell = trial_cost <= cost + DECREASE * length * slope
        flat = trial_cost <= cost + noise and trial_slope <= (2 * DECREASE - 1) * slope
        if (fell or flat) and trial_slope >= CURVATURE * slope:
            return trial, trial_cost, trial_gradient
        secant = math.inf if trial_slope <= low_slope else length - trial_slope * (length - low) / (trial_slope - low_slope)
        if fell or flat:  # too short: by convexity the minimum lies beyond
            low, low_slope, shrunk = length, trial_slope, 0
            length = min(max(secant, 1.1 * low), 10 * low)
        else:
            high, shrunk = length, shrunk + 1
            length = secant if math.isfinite(trial_cost) and shrunk < 3 else low  # shrinking too slowly
        if high < math.inf:
            length = min(max(length, low + SHORTEST * (high - low)), low + LONGEST * (high - low))
    return None
