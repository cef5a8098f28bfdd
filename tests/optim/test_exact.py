"""The minimum over arrays: scikit-learn's in float64, and a gap that holds for the coefficients as they are returned."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from softreg.optim.exact import SOLVERS, solve
from softreg.optim.small_problem import Solution

CLASSES, L2 = 3, 0.01
RNG = np.random.default_rng(4)
Y = np.arange(90, dtype=np.int64) % CLASSES
X = RNG.normal(size=(CLASSES, 5))[Y] + RNG.normal(size=(90, 5)) * [1, 1, 10, 0.1, 1] + [0, 3, 0, 0, 0]
WEIGHTS = RNG.uniform(0.1, 2, 90)


def solved(rows: Any = X, l2: float = L2, l1: float = 0.0, **changes: Any) -> Solution:
    options = {"weights": None, "fit_intercept": True, "start": None, "solver": "lbfgs", "tol": 1e-10, "max_iter": 1000}
    return solve(rows, Y, CLASSES, l2, l1, **(options | changes))


def cost(theta: NDArray[Any], l2: float = L2, l1: float = 0.0, weights: NDArray[Any] | None = None) -> float:
    """The objective, by numpy and SciPy, in float64."""
    theta = theta.astype(np.float64)
    losses = -log_softmax(X @ theta[:, :-1].T + theta[:, -1], axis=1)[np.arange(90), Y]
    penalty = l2 / 2 * (theta[:, :-1] ** 2).sum() + l1 * np.abs(theta[:, :-1]).sum()
    return float(np.average(losses, weights=weights) + penalty)


def peer(weights: NDArray[Any] | None = None, *, fit_intercept: bool = True) -> NDArray[Any]:
    total = 90 if weights is None else weights.sum()
    fitted = LogisticRegression(
        C=1 / (L2 * total), solver="newton-cholesky", tol=1e-12, max_iter=1000, fit_intercept=fit_intercept
    ).fit(X, Y, sample_weight=weights)
    return np.column_stack([fitted.coef_, np.broadcast_to(fitted.intercept_, CLASSES)])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_minimum_is_scikit_learns(solver: str, weights: NDArray[Any] | None, fit_intercept: bool) -> None:
    solution = solved(solver=solver, weights=weights, fit_intercept=fit_intercept)
    expected = peer(weights, fit_intercept=fit_intercept)
    np.testing.assert_allclose(solution.theta, expected, rtol=1e-3, atol=1e-4)
    assert cost(solution.theta, weights=weights) <= cost(expected, weights=weights) + 1e-10
    assert solution.gap <= 1e-10


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-10])
def test_the_gap_is_never_below_the_true_one(solver: str, tol: float) -> None:
    for dtype in (np.float32, np.float64):
        solution = solved(X.astype(dtype), solver=solver, tol=tol)
        assert solution.theta.dtype == dtype
        rounding = 1e-6 if dtype == np.float32 else 1e-13  # of the rows themselves
        assert cost(solution.theta) - cost(peer()) <= solution.gap + rounding


def test_sparse_rows_give_the_same() -> None:
    dense, stored = solved(), solved(sparse.csr_array(X))
    np.testing.assert_allclose(stored.theta, dense.theta, rtol=1e-6, atol=1e-9)


def test_l1_minimum_fulfils_its_optimality_conditions() -> None:
    l2, l1 = 0.01, 0.05
    solution = solved(l2=l2, l1=l1, tol=1e-12)
    theta = torch.from_numpy(solution.theta).requires_grad_()
    smooth = torch.nn.functional.cross_entropy(torch.from_numpy(X) @ theta[:, :-1].T + theta[:, -1], torch.from_numpy(Y))
    (smooth + l2 / 2 * theta[:, :-1].square().sum()).backward()
    assert theta.grad is not None
    w, gradient = theta.detach()[:, :-1], theta.grad[:, :-1]
    assert 0 < int((w == 0).sum()) < w.numel()
    assert (gradient[w != 0] + l1 * w[w != 0].sign()).abs().max() < 1e-4
    assert gradient[w == 0].abs().max() <= l1 + 1e-4
    assert solution.gap <= 1e-12


def test_a_start_at_the_minimum_needs_fewer_iterations() -> None:
    first = solved()
    again = solved(start=first.theta)
    assert again.steps < first.steps
    assert cost(again.theta) == pytest.approx(cost(first.theta), abs=1e-10)


def test_too_few_iterations_leave_a_gap_that_is_told() -> None:
    solution = solved(max_iter=1)
    assert solution.steps == 1
    assert solution.gap > 1e-10
    assert cost(solution.theta) - cost(peer()) <= solution.gap + 1e-12


def test_the_number_of_threads_is_as_before() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        solved()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
