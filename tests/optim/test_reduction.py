"""Few images with many features: the minimum found in the space of the rows is that of the problem itself."""

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.reduction import Reduction, minimum
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver, checked_termination, solver_state
from softreg.optim.solvers.sgd import SGD

pytestmark = pytest.mark.usefixtures("one_thread")


def wide(n: int = 60, d: int = 300) -> Objective:
    """Three classes of int8 rows with a scale, as features are stored, each row with a weight."""
    generator = Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    centres = torch.randn(3, d, generator=generator)
    rows = ((centres[labels] + torch.randn(n, d, generator=generator) + 1) * 16).round().clamp(-127, 127).to(torch.int8)
    weights = torch.rand(n, generator=generator) + 0.5
    return Objective(DesignMatrix(rows, labels, scale=1 / 16, weights=weights), 3, 1e-2)


def zeros(objective: Objective) -> Tensor:
    return torch.zeros(objective.classes, objective.matrix.dim + 1)


@pytest.mark.parametrize("solver", [LBFGS(1e-6, 500), Newton(1e-6, 500)])
def test_the_minimum_is_within_the_tolerance(solver: NewtonTypeSolver) -> None:
    objective = wide()
    assert Reduction.of(objective, solver).space is not None
    found = minimum(solver, objective, zeros(objective))
    assert objective.value(found.double()) - duality_gap(objective, exact(objective)).lower_bound <= 1e-6
    assert torch.equal(minimum(solver, objective, zeros(objective)), found)


def test_both_have_the_same_minimum() -> None:
    objective = wide()
    reduction = Reduction.of(objective, LBFGS(1e-6, 500))
    torch.testing.assert_close(reduction.lift(exact(reduction.objective)), exact(objective), rtol=0, atol=1e-5)


def test_a_weak_penalty_is_reached_over_stronger_ones() -> None:
    objective = replace(wide(), l2=1e-8)
    solver = LBFGS(1e-6, 500)
    found = minimum(solver, objective, zeros(objective))
    assert objective.value(found.double()) - duality_gap(objective, exact(objective)).lower_bound <= 1e-6


def exact(objective: Objective) -> Tensor:
    """The minimum, in float64."""
    return minimize(Newton(1e-13, 500), objective, zeros(objective).double()).theta


def test_a_start_near_the_minimum_stays_near() -> None:
    objective, steps = wide(), []
    solver = LBFGS(1e-6, 500)
    near = minimum(LBFGS(1e-5, 500), objective, zeros(objective))
    minimum(solver, objective, near, lambda state: steps.append(state.cost))
    everything: list[float] = []
    minimum(solver, objective, zeros(objective), lambda state: everything.append(state.cost))
    assert len(steps) < len(everything)


def test_a_state_is_lifted_with_the_direction_it_goes_on_in() -> None:
    objective = wide()
    solver = LBFGS(1e-6, 500)
    reduction = Reduction.of(objective, solver)
    last = minimize(solver, reduction.objective, reduction.begin_at(zeros(objective), 500))
    lifted = reduction.lift_state(last)
    assert lifted.theta.shape == zeros(objective).shape
    assert objective.value(lifted.theta) == pytest.approx(last.cost, abs=1e-6)
    assert checked_termination(objective, lifted).converged


def test_what_is_proven_is_proven_on_the_rows_themselves() -> None:
    objective = wide()
    solver = LBFGS(1e-6, 500, certify=True)
    reduction = Reduction.of(objective, solver)
    lifted = reduction.lift_state(minimize(solver, reduction.objective, reduction.begin_at(zeros(objective), 500)))
    here = solver_state(lifted)
    proof = duality_gap(objective, lifted.theta, lifted.theta + here.direction)
    assert here.lower_bound is None
    assert checked_termination(objective, lifted).params["proven"] == proof.gap


def test_what_is_solved_as_it_is() -> None:
    objective = wide()
    assert Reduction.of(replace(objective, matrix=objective.matrix.slice(0, 30)), LBFGS(1e-6, 500)).space is not None
    for solver in (LBFGS(1e-8, 500), SGD(1, 10, 0.1, drop_last=True, generator_state=Generator().get_state())):
        assert Reduction.of(objective, solver).objective is objective
    narrow = wide(n=250)
    assert Reduction.of(narrow, LBFGS(1e-6, 500)).objective is narrow
    shard = replace(objective, matrix=replace(objective.matrix, all_reduce=lambda total: total))
    assert Reduction.of(shard, LBFGS(1e-6, 500)).objective is shard
