"""The beginning near the optimum: never worse than zero, whatever the data; left alone where it would not pay."""

import math

import pytest
import torch
from torch import Generator, Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.warm_start import MIN_ROWS, warm_start

pytestmark = pytest.mark.usefixtures("one_thread")


def problem(
    n: int = 10_000, d: int = 6, c: int = 4, l2: float = 1e-3, scale: Tensor | float = 1.0, outliers: float = 0.0
) -> Objective:
    g = Generator().manual_seed(n)
    labels = torch.randint(0, c, (n,), generator=g)
    rows = torch.randn(c, d, generator=g)[labels] + torch.randn(n, d, generator=g)
    rows[::97] += outliers * torch.randn(len(rows[::97]), d, generator=g)
    return Objective(DesignMatrix(rows * scale, labels), c, l2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6, torch.logspace(-4, 4, 6)], ids=["tiny", "one", "huge", "unlike"])
@pytest.mark.parametrize("outliers", [0.0, 300.0])
@pytest.mark.parametrize("l2", [1e-8, 1e-3, 1e2])
def test_never_worse_than_zero(scale: Tensor | float, outliers: float, l2: float) -> None:
    objective = problem(scale=scale, outliers=outliers, l2=l2)
    theta = warm_start(objective, torch.zeros(4, 7))
    assert objective.value(theta) < math.log(4) * 1.02  # of every so many rows it is below; of all, nearly


def test_it_spares_most_of_the_way() -> None:
    objective = problem()
    solver, zero = LBFGS(1e-9, 100), torch.zeros(4, 7)
    state = solver.start(objective, zero)
    start = state.cost
    while state.termination is None:
        state = solver.step(objective, state)
    assert start - state.cost < 0.1 * (math.log(4) - state.cost)


@pytest.mark.parametrize(
    "objective",
    [problem(n=MIN_ROWS - 1), problem(l2=1e2), Objective(DesignMatrix(torch.zeros(10_000, 6), torch.arange(10_000) % 4), 4, 0.1)],
)
def test_left_alone(objective: Objective) -> None:
    zero = torch.zeros(4, 7)
    assert warm_start(objective, zero) is zero


def test_somebodys_guess_is_left_alone() -> None:
    guess = torch.ones(4, 7)
    assert warm_start(problem(), guess) is guess
