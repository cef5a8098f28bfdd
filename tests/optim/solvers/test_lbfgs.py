"""The two-loop recursion against the BFGS update written out as matrices. What it finds is tested in test_newton_type.py."""

import pytest
import torch
from torch import Tensor

from softreg.optim.solvers import preconditioner
from softreg.optim.solvers.lbfgs import HISTORY_SIZE, LBFGS, LBFGSState
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


def bfgs(inverse: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The inverse Hessian updated by each pair: Nocedal and Wright, Numerical Optimization, 2006, equation 6.17."""
    eye = torch.eye(len(inverse), dtype=inverse.dtype)
    for s, y in pairs:
        rho = 1 / (y @ s)
        inverse = (eye - rho * torch.outer(s, y)) @ inverse @ (eye - rho * torch.outer(y, s)) + rho * torch.outer(s, s)
    return inverse


@pytest.mark.parametrize("n_pairs", [0, 1, 5, HISTORY_SIZE + 3])
@pytest.mark.parametrize("is_mean", [False, True])
def test_the_recursion_is_the_bfgs_update_of_the_last_pairs(n_pairs: int, is_mean: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one block stands for many classes, it is scaled first, by the last pair (equation 7.20, in its own metric)."""
    if is_mean:
        monkeypatch.setattr(preconditioner, "MAX_NUMEL", 50)
        monkeypatch.setattr(preconditioner, "WIDE_NUMEL", 1)
    objective = small_objective()
    theta = random_theta(objective)
    solver, hessian = LBFGS(1e-6, 100), dense_hessian(objective, theta)
    state = solver.initial_state(objective.value_and_gradient(theta)[1], theta)
    pairs = []
    for number in range(n_pairs):
        s = random_theta(objective, number)
        y = (hessian @ s.flatten()).view(s.shape)
        state = solver.update_history(state, s, y)
        pairs.append((s.flatten(), y.flatten()))
    solve = solver.preconditioner(objective, theta).solve
    basis = torch.eye(theta.numel(), dtype=torch.float64)
    initial = torch.stack([solve(row.view(theta.shape)).flatten() for row in basis], dim=1)
    assert solver.preconditioner(objective, theta).is_mean == is_mean
    if is_mean and pairs:
        s, y = pairs[-1]
        initial *= (s @ y) / (y @ initial @ y)
    expected = bfgs(initial, pairs[-HISTORY_SIZE:])
    gradient = random_theta(objective, 99)
    found = solver.inverse_hessian(objective, state)(gradient).flatten()
    torch.testing.assert_close(found, expected @ gradient.flatten(), rtol=1e-7, atol=1e-9)


def test_a_pair_that_rounding_spoilt_is_left_out() -> None:
    objective = small_objective()
    theta = random_theta(objective)
    solver = LBFGS(1e-6, 100)
    state = solver.initial_state(theta, theta)
    for spoilt in (-theta, -1e-9 * theta, 0 * theta):
        assert solver.update_history(state, theta, spoilt) is state
    kept = solver.update_history(state, theta, theta)
    assert isinstance(kept, LBFGSState)
    assert kept.s_history is not None
    assert torch.equal(kept.s_history, theta[None])
