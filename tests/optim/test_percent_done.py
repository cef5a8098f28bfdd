"""What a bar shows of a minimisation grows from 0 to 100, and is in the middle where the gap is half way, in digits."""

from dataclasses import replace

import pytest
import torch

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.percent_done import percent_done
from softreg.optim.solver import State
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton_type import solver_state
from softreg.optim.solvers.sgd import SGD


@pytest.fixture(scope="module")
def objective() -> Objective:
    generator = torch.Generator().manual_seed(1)
    return Objective(DesignMatrix(torch.randn(200, 5, generator=generator), torch.arange(200) % 3), 3, 1e-3)


def test_by_the_gap_of_lbfgs(objective: Objective) -> None:
    solver, seen, states = LBFGS(1e-6, 200), list[int](), list[State]()

    def on_step(state: State) -> None:
        seen.append(percent_done(solver, state))
        states.append(state)

    minimize(solver, objective, torch.zeros(3, 6), on_step=on_step)
    assert seen[-1] == 100
    assert max(seen[:-1], default=0) < 100
    here = replace(states[-1], termination=None, steps=0)
    for gap, expected in ((1e-3, 50), (1e-9, 99), (2.0, 0)):
        there = replace(here, solver_state=replace(solver_state(here), gap=torch.tensor(gap, dtype=torch.float64)))
        assert abs(percent_done(solver, there) - expected) <= 1


def test_by_the_epochs_of_sgd(objective: Objective) -> None:
    seen: list[int] = []
    solver = SGD(4, 50, 0.1, drop_last=True, generator_state=torch.Generator().get_state())
    minimize(solver, objective, torch.zeros(3, 6), on_step=lambda state: seen.append(percent_done(solver, state)))
    assert seen == [25, 50, 75, 100]
