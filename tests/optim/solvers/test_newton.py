"""Newton's directions against a dense solve with autograd's Hessian. What it finds is tested in test_newton_type.py."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solver import State
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import solver_state
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


def states(objective: Objective, theta: Tensor) -> list[State]:
    solver = Newton(1e-14, 50)
    found = [solver.start(objective, theta)]
    while found[-1].termination is None:
        found.append(solver.step(objective, found[-1]))
    return found


def newton_step(objective: Objective, state: State) -> Tensor:
    """The solution of least norm, which sums to zero over classes."""
    hessian = dense_hessian(objective, state.theta)
    step: Tensor = -(torch.linalg.pinv(hessian, hermitian=True) @ solver_state(state).gradient.flatten()).view(state.theta.shape)
    return step


@pytest.mark.parametrize("weighted", [False, True])
def test_every_direction_is_newtons_the_more_precisely_the_nearer(weighted: bool) -> None:
    objective = small_objective(weighted=weighted)
    for state in states(objective, random_theta(objective, scale=2.0)):
        here, wanted = solver_state(state), newton_step(objective, state)
        size = float(here.gradient.norm())
        if size > 1e-7:  # below, rounding of the gradient itself shows
            assert float((here.direction - wanted).norm() / wanted.norm()) < max(10 * min(0.3, size**0.5), 1e-3)
            assert float((here.direction * here.gradient).sum()) < 0


def test_it_converges_faster_than_linearly() -> None:
    objective = small_objective(l2=1e-3)
    found = states(objective, random_theta(objective, scale=2.0))
    assert found[-1].termination is not None
    assert found[-1].termination.converged
    gradients = [float(solver_state(state).gradient.norm()) for state in found]
    ratios = [after / before for before, after in pairwise(gradients) if before < 0.1]
    assert len(found) < 15
    assert ratios[-1] < 0.05


def test_a_starting_point_moves_no_minimum() -> None:
    objective = small_objective()
    ends = [states(objective, random_theta(objective, seed, scale=3.0))[-1].theta for seed in range(3)]
    for theta in ends[1:]:
        torch.testing.assert_close(theta, ends[0], rtol=1e-5, atol=1e-6)


def test_the_preconditioner_solves_the_blocks_of_the_hessian_and_is_computed_anew_after_one_iteration() -> None:
    objective = small_objective()
    solver = Newton(1e-14, 50)
    start = solver.start(objective, random_theta(objective))
    after = solver.step(objective, start)
    assert torch.equal(solver_state(start).reference_theta, start.theta)
    assert torch.equal(solver_state(after).reference_theta, after.theta)
    hessian, gradient, size = dense_hessian(objective, after.theta), random_theta(objective, 1), after.theta.shape[1]
    blocks = [hessian[first : first + size, first : first + size] for first in range(0, len(hessian), size)]
    wanted = torch.stack([torch.linalg.solve(block, row) for block, row in zip(blocks, gradient, strict=True)])
    found = solver.inverse_hessian(objective, solver_state(after))(gradient)
    torch.testing.assert_close(found, wanted - wanted.mean(0), rtol=1e-6, atol=1e-9)
