"""Rows left out of the Hessian: few where nearly all are classified with certainty, and the Hessian hardly changes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solvers.active_rows import MIN_ROWS, active_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def separated(n: int = 2 * MIN_ROWS, *, weighted: bool = False) -> tuple[Objective, Tensor]:
    """Three classes far apart, with a theta (3, 3) that tells most of their rows apart with certainty."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 3
    corners = torch.tensor([[0.0, 4.0], [4.0, -4.0], [-4.0, -4.0]], dtype=torch.float64)
    x = corners[y] + torch.randn(n, 2, dtype=torch.float64, generator=generator)
    weights = torch.rand(n, generator=generator, dtype=torch.float64) if weighted else None
    theta = torch.cat([corners, torch.zeros(3, 1, dtype=torch.float64)], dim=1)
    return Objective(DesignMatrix(x, y, weights=weights), 3, 1e-6), theta


@pytest.mark.parametrize("weighted", [False, True])
def test_the_hessian_hardly_changes(weighted: bool) -> None:
    objective, theta = separated(weighted=weighted)
    active = active_rows(objective, theta)
    assert len(active.matrix) < len(objective.matrix) / 2
    assert active.matrix.weight_sum == objective.matrix.weight_sum
    direction = torch.randn(theta.shape, dtype=theta.dtype, generator=torch.Generator().manual_seed(1))
    whole, part = objective.hessian_product(theta, direction), active.hessian_product(theta, direction)
    torch.testing.assert_close(part, whole, rtol=0.01, atol=0.005 * float(whole.abs().max()))
    assert 0 < float((part * direction).sum()) <= float((whole * direction).sum())  # never steeper


def test_where_no_row_is_certain_all_stay() -> None:
    objective, theta = separated()
    assert active_rows(objective, torch.zeros_like(theta)) is objective


def test_few_rows_stay_all() -> None:
    objective, theta = separated(MIN_ROWS - 1)
    assert active_rows(objective, theta) is objective


def test_one_ranks_rows_stay_all() -> None:
    objective, theta = separated()
    objective = replace(objective, matrix=replace(objective.matrix, all_reduce=lambda total: total))
    assert active_rows(objective, theta) is objective
