"""Newton's method for small problems: scikit-learn's minimum, and the bound that the general proof gives."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.objective import Objective
from softreg.optim.small_newton import is_small, solve_small

pytestmark = pytest.mark.usefixtures("one_thread")


def problem(classes: int, n: int = 300, d: int = 8) -> tuple[NDArray[Any], NDArray[np.int64]]:
    x, y = make_classification(n, d, n_informative=5, n_redundant=0, n_classes=classes, flip_y=0.1, random_state=0)
    return x * np.logspace(-2, 2, d) + 50, y.astype(np.int64)


def value(x: NDArray[Any], y: NDArray[np.int64], theta: NDArray[Any], l2: float, weights: NDArray[Any] | None) -> float:
    """The objective, by torch."""
    losses = torch.nn.functional.cross_entropy(
        torch.from_numpy(x @ theta[:, :-1].T + theta[:, -1]), torch.from_numpy(y), reduction="none"
    )
    return float(np.average(losses.numpy(), weights=weights) + l2 / 2 * (theta[:, :-1] ** 2).sum())


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_minimum_is_scikit_learns(classes: int, weighted: bool, fit_intercept: bool) -> None:
    x, y = problem(classes)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y)) if weighted else None
    total, l2 = (weights.sum() if weights is not None else len(y)), 1e-3
    options: dict[str, Any] = {"weights": weights, "fit_intercept": fit_intercept, "start": None}
    found = solve_small(x, y, classes, l2, tol=1e-9, max_iter=100, **options)
    assert found.gap <= 1e-9
    strength = 1 / (total * l2) * (2 if classes == 2 else 1)  # half the penalty on the one vector of two classes
    settings: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 1000, "fit_intercept": fit_intercept}
    peer = LogisticRegression(C=strength, **settings).fit(x, y, sample_weight=weights)
    best = np.column_stack([peer.coef_, np.broadcast_to(peer.intercept_, len(peer.coef_))])
    best = np.concatenate([-best, best]) / 2 if classes == 2 else best
    assert value(x, y, found.theta, l2, weights) <= value(x, y, best, l2, weights) + 1e-9
    np.testing.assert_allclose(found.theta[:, :-1] - found.theta[:1, :-1], best[:, :-1] - best[:1, :-1], rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("max_iter", [0, 1, 3, 100])
def test_the_gap_is_what_the_general_proof_says(classes: int, max_iter: int, dtype: Any) -> None:
    x, y = problem(classes)
    x = x.astype(dtype)
    found = solve_small(x, y, classes, 1e-2, weights=None, fit_intercept=True, start=None, tol=1e-10, max_iter=max_iter)
    assert found.theta.dtype == dtype
    objective = Objective(
        DesignMatrix(torch.from_numpy(x), torch.from_numpy(y), centre=torch.full((8,), 50.0, dtype=torch.double)), classes, 1e-2
    )
    theta = torch.from_numpy(found.theta.astype(np.float64, copy=True))
    theta[:, -1] += 50 * theta[:, :-1].sum(1)
    best = solve_small(x, y, classes, 1e-2, weights=None, fit_intercept=True, start=None, tol=1e-12, max_iter=100)
    true_gap = value(x, y, found.theta.astype(float), 1e-2, None) - value(x, y, best.theta.astype(float), 1e-2, None)
    assert true_gap <= found.gap * 1.0001 + 1e-12
    if max_iter == 100 and dtype == np.float64:
        assert found.gap <= duality_gap(objective, theta).gap * 1.01 + 1e-9
    assert found.steps <= max_iter


@pytest.mark.parametrize("classes", [2, 3])
def test_without_penalty_it_ends_at_the_maximum_likelihood(classes: int) -> None:
    x, y = problem(classes)
    found = solve_small(x, y, classes, 0.0, weights=None, fit_intercept=True, start=None, tol=1e-10, max_iter=100)
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit((x - 50) / np.logspace(-2, 2, 8), y)
    expected = peer.predict_log_proba((x - 50) / np.logspace(-2, 2, 8))[np.arange(len(y)), y].mean()
    assert value(x, y, found.theta, 0.0, None) <= -expected + 1e-9
    assert found.gap <= 1e-10


def test_a_hessian_of_some_rows_ends_at_the_same_minimum() -> None:
    x, y = problem(2, n=20_000)
    found = solve_small(x, y, 2, 1e-4, weights=None, fit_intercept=True, start=None, tol=1e-9, max_iter=100)
    again = solve_small(x, y, 2, 1e-4, weights=None, fit_intercept=True, start=found.theta, tol=1e-9, max_iter=100)
    assert found.gap <= 1e-9
    assert again.steps < found.steps


def test_what_is_small() -> None:
    assert is_small(np.empty((100, 20)), 3)
    assert not is_small(np.empty((100, 2000)), 3)
    assert not is_small(np.empty((1000, 20)), 500)


def test_a_small_problem_is_solved_without_torch() -> None:
    code = "from sklearn.datasets import load_iris; from softreg.estimator import SoftmaxClassifier\n"
    code += "SoftmaxClassifier().fit(*load_iris(return_X_y=True)); import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
