"""The objective against autograd on PyTorch's own cross-entropy, in float64."""

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

import softreg.optim.design_matrix
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective, linear, logits_of, outer

SMOOTHING = 0.2


def problem(n: int = 50, d: int = 7, c: int = 4, *, weighted: bool = False, seed: int = 0, smoothing: float = 0.0) -> Objective:
    g = Generator().manual_seed(seed)
    rows = torch.randint(0, 256, (n, d), dtype=torch.uint8, generator=g)
    scale, centre = torch.rand(d, generator=g, dtype=torch.float64) / 100, 100 * torch.randn(d, generator=g, dtype=torch.float64)
    weights = torch.rand(n, generator=g, dtype=torch.float64) if weighted else None
    factor = torch.rand(d, generator=g, dtype=torch.float64) if weighted else 1.0
    matrix = DesignMatrix(rows, torch.randint(0, c, (n,), generator=g), scale, centre, weights)
    return Objective(matrix, c, 0.03, factor, label_smoothing=smoothing)


def truth(objective: Objective, theta: Tensor) -> Tensor:
    m = objective.matrix
    assert m.centre is not None
    x = (m.rows.to(theta.dtype) - m.centre) * m.scale
    logits = x @ theta[:, :-1].T + theta[:, -1]
    losses = cross_entropy(logits, m.labels, reduction="none", label_smoothing=objective.label_smoothing)
    weights = torch.ones(len(m), dtype=theta.dtype) if m.weights is None else m.weights
    return (weights * losses).sum() / weights.sum() + 0.5 * objective.l2 * (
        objective.feature_penalty * theta[:, :-1].square()
    ).sum()


@pytest.fixture(params=[1, 20, 1000, 0], ids=["a row a block", "two rows", "one block", "no blocks: many weights"])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(softreg.optim.design_matrix.BLOCK_NUMEL, "cpu", request.param or 20)
    if not request.param:
        monkeypatch.setattr(softreg.optim.objective, "WIDE_NUMEL", 1)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("smoothing", [0.0, SMOOTHING])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_gradient_and_hessian_product_are_autograds(weighted: bool, smoothing: float) -> None:
    objective = problem(weighted=weighted, smoothing=smoothing)
    theta, v = torch.randn(2, 4, 8, dtype=torch.float64, generator=Generator().manual_seed(1)).unbind()
    value, gradient = objective.value_and_gradient(theta)
    wanted, product = torch.autograd.functional.hvp(lambda t: truth(objective, t), theta, v)
    (slope,) = torch.autograd.grad(truth(objective, leaf := theta.clone().requires_grad_()), leaf)
    assert value == pytest.approx(float(wanted), rel=1e-13)
    assert objective.value(theta) == pytest.approx(value, rel=1e-14)
    torch.testing.assert_close(gradient, slope, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(objective.hessian_product(theta, v), product, rtol=1e-11, atol=1e-13)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("weighted", [False, True])
def test_the_diagonal_of_the_hessian_is_autograds(weighted: bool) -> None:
    objective = problem(weighted=weighted)
    theta = torch.randn(4, 8, dtype=torch.float64, generator=Generator().manual_seed(1))
    hessian = torch.autograd.functional.hessian(lambda t: truth(replace(objective, l2=0.0), t), theta)
    wanted = hessian.view(32, 32).diagonal().view(4, 8)
    torch.testing.assert_close(objective.hessian_diagonal(theta), wanted, rtol=1e-11, atol=1e-13)


def test_float32_theta_is_answered_in_float32_and_close() -> None:
    objective = problem()
    theta = torch.randn(4, 8, generator=Generator().manual_seed(1))
    value, gradient = objective.value_and_gradient(theta)
    exact, slope = objective.value_and_gradient(theta.double())
    assert gradient.dtype == torch.float32
    assert value == pytest.approx(exact, rel=1e-6)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("chunk")
def test_probabilities_are_softmax() -> None:
    objective = problem()
    theta = torch.randn(4, 8, dtype=torch.float64, generator=Generator().manual_seed(1))
    x, _ = objective.matrix.rows_at(torch.arange(50))
    wanted = torch.softmax(x.double() @ theta[:, :-1].T + theta[:, -1], dim=1).T
    torch.testing.assert_close(objective.probabilities(theta), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("chunk")
def test_logits_are_those_of_the_features() -> None:
    objective = problem()
    theta = torch.randn(4, 8, dtype=torch.float64, generator=Generator().manual_seed(1))
    x, _ = objective.matrix.rows_at(torch.arange(50))
    logits = logits_of(objective.matrix, theta)
    assert logits.shape == (50, 4)
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits, x.double() @ theta[:, :-1].T + theta[:, -1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 3, 48])
def test_a_product_block_by_block_is_the_product(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(softreg.optim.design_matrix.BLOCK_NUMEL, "cpu", 3 * 7)
    g = Generator().manual_seed(2)
    x, weight, bias, r = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((rows, 7), (4, 7), (4,), (4, rows)))
    torch.testing.assert_close(linear(weight, bias, x), weight @ x.T + bias[:, None])
    torch.testing.assert_close(outer(r, x), r @ torch.cat([x, torch.ones(rows, 1)], dim=1))


def test_a_row_that_weighs_two_is_two_rows() -> None:
    objective = problem()
    m = objective.matrix
    twice = DesignMatrix(torch.cat([m.rows, m.rows[:9]]), torch.cat([m.labels, m.labels[:9]]), m.scale, m.centre)
    weights = torch.ones(50, dtype=torch.float64).index_fill(0, torch.arange(9), 2)
    weighted = DesignMatrix(m.rows, m.labels, m.scale, m.centre, weights)
    theta = torch.randn(4, 8, dtype=torch.float64, generator=Generator().manual_seed(1))
    for one, other in zip(
        Objective(twice, 4, 0.1).value_and_gradient(theta), Objective(weighted, 4, 0.1).value_and_gradient(theta), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_logits_in_the_thousands_overflow_nothing() -> None:
    objective = problem()
    value, gradient = objective.value_and_gradient(torch.full((4, 8), 1e4).cumsum(0))
    assert torch.isfinite(torch.tensor(value))
    assert gradient.isfinite().all()
