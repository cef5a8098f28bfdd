"""The line search: what it accepts fulfils Wolfe's conditions, exact or approximate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
