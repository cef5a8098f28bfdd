"""More features than rows: the minimum of the problem as it is, proven on the rows as they are."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from softreg.optim.small_lbfgs import solve_middling
from softreg.optim.small_newton import solve_small
from softreg.optim.wide_rows import is_wide, solve_wide

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("solve", [solve_small, solve_middling])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_minimum_is_scikit_learns(classes: int, fit_intercept: bool, solve: Any) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(30, dtype=np.int64) % classes
    x = rng.normal(size=(30, 200)) + rng.normal(size=(classes, 200))[y] + 3
    options: dict[str, Any] = {"weights": None, "fit_intercept": fit_intercept, "tol": 1e-9, "max_iter": 500}
    found = solve_wide(solve, x, y, classes, 0.1, start=None, **options)
    assert found.gap <= 1e-9
    strength = (2 if classes == 2 else 1) / (30 * 0.1)
    peer = LogisticRegression(C=strength, fit_intercept=fit_intercept, tol=1e-10, max_iter=10_000).fit(x, y)
    theta = found.theta[1:] - found.theta[:1] if classes == 2 else found.theta
    np.testing.assert_allclose(theta[:, :-1], peer.coef_, atol=1e-4)
    again = solve_wide(solve, x, y, classes, 0.1, start=found.theta, **options)
    assert again.steps < found.steps


def test_what_is_wide() -> None:
    assert is_wide(np.empty((10, 21)), 3, 0.1)
    assert not is_wide(np.empty((10, 20)), 3, 0.1)
    assert not is_wide(np.empty((10, 21)), 3, 0.0)
    assert not is_wide(np.empty((501, 2000)), 3, 0.1)
    assert not is_wide(np.empty((10, 21)), 2, 0.1)
