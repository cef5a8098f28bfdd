"""The line search: what it accepts fulfils Wolfe's conditions, exact or approximate."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers.line_search import CURVATURE, DECREASE, MAX_TRIALS, line_search
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


EPS = torch.finfo(torch.float64).eps


def search(*answers: tuple[float, float], slope: float = -1.0) -> tuple[list[float], tuple[Tensor, float, Tensor] | None]:
    """The lengths that are tried, and what is found, where these costs and slopes answer; the first cost is 8."""
    lengths: list[float] = []

    class Scripted(Objective):
        def value_and_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
            cost, slope = answers[len(lengths)]
            lengths.append(float(theta[0, 0]))
            return 8.0 + cost, torch.tensor([[slope, 0.0]], dtype=theta.dtype)

    direction = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    return lengths, line_search(Scripted(**vars(OBJECTIVE)), torch.zeros_like(direction), 8.0, slope * direction, direction)


@pytest.mark.parametrize(
    ("cost", "slope", "accepted"),
    [
        (-0.125, -0.90, True),
        (-0.125, -0.91, False),  # as steep as before: it falls on
        (-0.125, 50.0, True),  # beyond the minimum, but far enough down
        (-0.09, 0.8, True),  # less far down, but as flat as a parabola would be there ...
        (-0.09, 0.81, False),  # ... and less
        (70 * EPS, 0.0, True),  # higher by a rounding error
        (90 * EPS, 0.0, False),
        (math.nan, 0.0, False),
    ],
)
def test_what_is_accepted(cost: float, slope: float, accepted: bool) -> None:
    """Wolfe's conditions with 0.1 and 0.9, or Hager and Zhang's: at most 2 x 0.1 - 1 of the first slope, 10 eps of rounding."""
    lengths, found = search((cost, slope), (-1.0, 0.0))
    assert len(lengths) == (1 if accepted else 2)
    assert found is not None
    theta, found_cost, gradient = found
    assert float(theta[0, 0]) == lengths[-1]
    assert (found_cost, float(gradient[0, 0])) == ((8 + cost, slope) if accepted else (7.0, 0.0))


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ([(-0.5, -0.95)], 10.0),  # too short; the secant's zero is at 20
        ([(-0.05, -0.95)], 10.0),  # so is this, if by less
        ([(5.0, 3.0)], 0.25),  # too long: where the secant of -1 and 3 is zero
        ([(5.0, 1.0)], 0.5),
        ([(math.inf, 3.0)], 0.001),
        ([(5.0, -2.0)], 0.9),  # higher, and still falling: no convex function does that, but rounding may
        ([(5.0, 3.0), (5.0, 1.0)], 0.125),
        ([(5.0, 3.0), (5.0, 1.0), (5.0, 1.0)], 0.125 * 0.001),  # shrinking too slowly
        ([(-0.5, -0.95), (5.0, 0.95)], 1 + 9 / 2),  # between the two
        ([(-0.5, -0.95), (5.0, 1e9)], 1 + 9 * 0.001),  # the secant's zero is too near the lower end
        ([(-0.5, -0.95), (5.0, 0.95), (-3.0, -0.95)], 5.5 + 4.5 * 0.9),  # too short again, but bracketed
    ],
)
def test_the_next_length(answers: list[tuple[float, float]], wanted: float) -> None:
    lengths, _ = search(*answers, (-99.0, 0.0))
    assert lengths[0] == 1
    assert lengths[len(answers)] == pytest.approx(wanted, rel=1e-12)


def test_what_is_enough_is_in_proportion_to_the_length_and_the_slope() -> None:
    """At 0.25 a fall of 0.025 from a slope of -1; where it is -2, 0.2 at 1. These slopes are too steep to be accepted otherwise."""
    assert len(search((5.0, 3.0), (-0.026, 0.9), (-9.0, 0.0))[0]) == 2
    assert len(search((5.0, 3.0), (-0.024, 0.9), (-9.0, 0.0))[0]) == 3
    assert len(search((-0.21, 1.7), (-9.0, 0.0), slope=-2.0)[0]) == 1
    assert len(search((-0.19, 1.7), (-9.0, 0.0), slope=-2.0)[0]) == 2


def test_at_last_it_gives_up() -> None:
    lengths, found = search(*[(5.0, 3.0)] * 99)
    assert (len(lengths), found) == (MAX_TRIALS, None)
