"""The line search: what it accepts fulfils Wolfe's conditions, exact or approximate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers.line_search import CURVATURE, DECREASE, line_search
from tests.helpers.problems import random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")
OBJECTIVE = small_objective()


@given(st.integers(0, 1000), st.floats(-6, 4))
def test_from_anywhere_along_any_descent_direction(seed: int, magnitude: float) -> None:
    theta = random_theta(OBJECTIVE, seed)
    cost, gradient = OBJECTIVE.value_and_gradient(theta)
    direction = -(10**magnitude) * gradient * (0.1 + random_theta(OBJECTIVE, seed + 1).abs())  # each coordinate downhill
    slope = float((gradient * direction).sum())
    found = line_search(OBJECTIVE, theta, cost, gradient, direction)
    assert found is not None
    better, better_cost, better_gradient = found
    length = float(((better - theta) * direction).sum() / direction.square().sum())
    assert length > 0
    better_slope = float((better_gradient * direction).sum())
    fell = better_cost <= cost + DECREASE * length * slope + 1e-12
    flat = better_cost <= cost + 1e-12 and better_slope <= (2 * DECREASE - 1) * slope  # Hager and Zhang's approximate condition
    assert fell or flat
    assert better_slope >= CURVATURE * slope
    value, gradient_there = OBJECTIVE.value_and_gradient(better)
    assert (better_cost, True) == (value, torch.equal(better_gradient, gradient_there))


@pytest.mark.parametrize(("rounding", "reach", "is_found"), [(4, 1.0, True), (4, 1.85, True), (20, 1.0, False)])
def test_where_rounding_hides_the_decrease_slopes_decide(rounding: int, reach: float, is_found: bool) -> None:
    theta = random_theta(OBJECTIVE, 1).double()
    direction = -OBJECTIVE.value_and_gradient(theta)[1]

    def slope(length: float) -> float:
        return float((OBJECTIVE.value_and_gradient(theta + length * direction)[1] * direction).sum())

    minimum = brentq(slope, 0, 1e4, xtol=1e-14)
    begin, step = theta + (minimum - 1e-8) * direction, reach * 1e-8 * direction  # to a minimum that is lower by less than rounding
    cost, gradient = OBJECTIVE.value_and_gradient(begin)
    noisy = cost * (1 - rounding * torch.finfo(torch.float64).eps)  # as if the first cost had been rounded down
    found = line_search(OBJECTIVE, begin, noisy, gradient, step)
    assert (found is not None) == is_found
    assert found is None or abs(float((found[2] * step).sum())) <= 0.8 * abs(float((gradient * step).sum()))


@pytest.mark.parametrize("magnitude", range(-6, 5))
def test_a_short_step_is_made_ten_times_longer_at_each_trial_and_a_long_one_takes_six(magnitude: int) -> None:
    trials: list[int] = []

    class Counted(Objective):
        def value_and_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
            trials.append(1)
            return super().value_and_gradient(theta)

    for seed in range(4):
        theta = random_theta(OBJECTIVE, seed)
        cost, gradient = OBJECTIVE.value_and_gradient(theta)
        direction = -(10.0**magnitude) * gradient * (0.1 + random_theta(OBJECTIVE, seed + 1).abs())
        trials.clear()
        line_search(Counted(**vars(OBJECTIVE)), theta, cost, gradient, direction)
        assert len(trials) == 1 - magnitude if magnitude <= 0 else len(trials) <= (3 if magnitude == 1 else 6)
