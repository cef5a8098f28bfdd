"""The preconditioner against NumPy: each class's block of the Hessian, solved."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solvers import preconditioner
from softreg.optim.solvers.preconditioner import precondition
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


def by_blocks(objective: Objective, theta: Tensor, gradient: Tensor) -> NDArray[np.float64]:
    """NumPy's solution with the diagonal blocks of autograd's Hessian, shifted to sum to zero over classes."""
    hessian, size = dense_hessian(objective, theta).numpy(), theta.shape[1]
    blocks = [hessian[c * size : (c + 1) * size, c * size : (c + 1) * size] for c in range(len(theta))]
    direction: NDArray[np.float64] = np.stack(
        [np.linalg.solve(block, row) for block, row in zip(blocks, gradient.numpy(), strict=True)]
    )
    centred: NDArray[np.float64] = direction - direction.mean(0)
    return centred


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_with_few_rows_it_is_the_blocks_of_the_hessian(weighted: bool, l2: float) -> None:
    objective = small_objective(weighted=weighted, l2=l2)  # fewer rows than would be sampled
    theta, gradient = random_theta(objective), random_theta(objective, 1)
    found = precondition(objective, theta).solve(gradient).numpy()
    np.testing.assert_allclose(found, by_blocks(objective, theta, gradient), rtol=1e-6)


def test_at_zero_one_block_serves_every_class() -> None:
    objective = small_objective()
    theta, gradient = torch.zeros(3, 5, dtype=torch.float64), random_theta(objective, 1)
    made = precondition(objective, theta)
    assert len(made.factor) == 1
    np.testing.assert_allclose(made.solve(gradient).numpy(), by_blocks(objective, theta, gradient), rtol=1e-6)


@pytest.mark.parametrize("at_zero", [True, False])
def test_solves_repeated_by_the_inverse_are_the_same(at_zero: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "SMALL", 4)
    objective = small_objective()
    theta, gradient = random_theta(objective) * (not at_zero), random_theta(objective, 1)
    made = precondition(objective, theta)
    solve = made.repeated_solve()
    for _ in range(preconditioner.WORTH_INVERTING - 1):
        solve(gradient)
    assert "inverse" not in vars(made)  # nothing is inverted for a few solves
    torch.testing.assert_close(solve(gradient), made.solve(gradient), rtol=1e-6, atol=1e-9)
    assert "inverse" in vars(made)


def test_where_even_one_block_is_too_large_it_is_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", 10)
    objective = small_objective()
    theta, gradient = torch.zeros(3, 5, dtype=torch.float64), random_theta(objective, 1)
    diagonal = dense_hessian(objective, theta).diagonal().view(3, 5)
    wanted = gradient / diagonal
    torch.testing.assert_close(precondition(objective, theta).solve(gradient), wanted - wanted.mean(0), rtol=1e-6, atol=0)


def test_a_sample_comes_near_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = small_objective(n=6000)
    theta, gradient = random_theta(objective), random_theta(objective, 1)
    found = precondition(objective, theta).solve(gradient)
    wanted = torch.from_numpy(by_blocks(objective, theta, gradient))
    assert 0 < float((found - wanted).norm() / wanted.norm()) < 0.2


def test_a_block_that_rounding_made_indefinite_is_made_definite() -> None:
    rows = torch.ones(50, 6) * torch.arange(1.0, 7)  # rank one, no penalty
    objective = Objective(DesignMatrix(rows, torch.arange(50) % 2), 2, 0.0)
    assert precondition(objective, torch.zeros(2, 7)).solve(torch.ones(2, 7) * torch.tensor([[1.0], [-1.0]])).isfinite().all()
