"""L-BFGS for problems of middling size: scikit-learn's minimum, and an honest gap where it gives up."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from softreg.optim import small_lbfgs
from softreg.optim.small_lbfgs import is_middling, solve_middling

pytestmark = pytest.mark.usefixtures("one_thread")
L2 = 1e-2


def problem(classes: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    x, y = make_classification(200, 30, n_informative=8, n_classes=classes, flip_y=0.1, random_state=0)
    return x * np.logspace(-1, 1, 30) + 5, y.astype(np.int64)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_minimum_is_scikit_learns(classes: int, weighted: bool, fit_intercept: bool) -> None:
    x, y = problem(classes)
    x = x if fit_intercept else x - 5
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y)) if weighted else None
    options: dict[str, Any] = {"weights": weights, "fit_intercept": fit_intercept, "start": None}
    found = solve_middling(x, y, classes, L2, tol=1e-8, max_iter=500, **options)
    assert found.gap <= 1e-8
    total = len(y) if weights is None else weights.sum()
    strength = (2 if classes == 2 else 1) / (total * L2)
    settings: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000, "fit_intercept": fit_intercept}
    peer = LogisticRegression(C=strength, **settings).fit(x, y, sample_weight=weights)
    theta = found.theta[1:] - found.theta[:1] if classes == 2 else found.theta
    np.testing.assert_allclose(theta[:, :-1], peer.coef_, atol=2e-3)


@pytest.mark.parametrize("max_iter", [0, 1, 5])
def test_too_few_iterations_leave_a_gap_that_is_told(max_iter: int) -> None:
    x, y = problem(3)
    options: dict[str, Any] = {"weights": None, "fit_intercept": True}
    found = solve_middling(x, y, 3, L2, start=None, tol=1e-9, max_iter=max_iter, **options)
    best = solve_middling(x, y, 3, L2, start=None, tol=1e-9, max_iter=500, **options)
    assert found.steps == max_iter
    assert found.gap > 1e-9
    logits = [x @ theta[:, :-1].T + theta[:, -1] for theta in (found.theta, best.theta)]
    losses = [float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y])) for z in logits]
    penalties = [L2 / 2 * float((theta[:, :-1] ** 2).sum()) for theta in (found.theta, best.theta)]
    assert losses[0] + penalties[0] - losses[1] - penalties[1] <= found.gap + 1e-12


def test_what_is_middling() -> None:
    assert is_middling(np.empty((1000, 100)), 10, 1e-3)
    assert is_middling(np.empty((1000, 4000)), 10, 1e-3)
    assert not is_middling(np.empty((1000, 100)), 10, 0.0)
    assert not is_middling(np.empty((20_000, 400)), 10, 1e-3)


@pytest.mark.parametrize("tol", [1e-6, 1e-8])
@pytest.mark.parametrize("classes", [2, 4])
def test_single_precision_is_used_as_far_as_it_leads(classes: int, tol: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = problem(classes)
    x = x / 10 - 0.5
    options: dict[str, Any] = {"weights": None, "fit_intercept": True, "start": None, "max_iter": 500}
    exact = solve_middling(x, y, classes, L2, tol=1e-9, **options)
    monkeypatch.setattr(small_lbfgs, "WORTH_SINGLE", 0)
    seen: list[Any] = []
    follow = small_lbfgs._Path.follow

    def watched(path: Any, goal: float, limit: int) -> bool:
        seen.append(path.theta.dtype)
        return follow(path, goal, limit)

    monkeypatch.setattr(small_lbfgs._Path, "follow", watched)
    found = solve_middling(x, y, classes, L2, tol=tol, **options)
    assert found.gap <= tol
    assert found.theta.dtype == np.float64
    assert seen[0] == np.float32
    assert (seen[-1] == np.float64) == (tol == 1e-8)
    np.testing.assert_allclose(found.theta, exact.theta, atol=1e3 * tol**0.5)
