"""Rows left out of the Hessian: few where nearly all are classified with certainty, and the Hessian hardly changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solvers import active_rows as module
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


@pytest.mark.parametrize("weighted", [False, True])
def test_those_left_out_have_a_thousandth_of_the_curvature_and_with_one_more_they_would_have_more(weighted: bool) -> None:
    objective, theta = separated(weighted=weighted)
    m = objective.matrix
    if m.weights is not None:
        m.weights[::3] *= 1e-6
    p = softmax(m.rows.numpy() @ theta[:, :-1].numpy().T + theta[:, -1].numpy(), axis=1)
    curvature = (p * (1 - p)).sum(1) * (1 if m.weights is None else m.weights.numpy())
    order = curvature.argsort(kind="stable")
    left_out = int((curvature[order].cumsum() <= 1e-3 * curvature.sum()).sum())
    found = active_rows(objective, theta).matrix
    assert len(found) == len(m) - left_out
    np.testing.assert_array_equal(found.rows.numpy(), m.rows.numpy()[np.sort(order[left_out:])])


def test_no_more_is_copied_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, theta = separated()
    numel = active_rows(objective, theta).matrix.rows.numel()
    monkeypatch.setattr(module, "MAX_NUMEL", numel - 1)
    assert active_rows(objective, theta) is objective
    monkeypatch.setattr(module, "MAX_NUMEL", numel)
    assert active_rows(objective, theta) is not objective


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
