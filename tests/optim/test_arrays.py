"""Which solver takes which size: the minimum is the same, and iterations add up."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_classification

from softreg.optim import arrays
from softreg.optim.arrays import solve_arrays

pytestmark = pytest.mark.usefixtures("one_thread")
OPTIONS: dict[str, Any] = {"weights": None, "fit_intercept": True, "start": None, "solver": "lbfgs"}


def problem() -> tuple[NDArray[Any], NDArray[np.int64]]:
    x, y = make_classification(200, 12, n_informative=8, n_classes=4, random_state=0)
    return x, y.astype(np.int64)


def test_the_large_solver_and_the_quick_ones_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = problem()
    quick = solve_arrays(x, y, 4, 0.01, 0.0, tol=1e-10, max_iter=200, **OPTIONS)
    monkeypatch.setattr(arrays, "MAX_NUMEL", 0)
    large = solve_arrays(x, y, 4, 0.01, 0.0, tol=1e-10, max_iter=200, **OPTIONS)
    np.testing.assert_allclose(quick.theta, large.theta, atol=1e-4)
    assert max(quick.gap, large.gap) <= 1e-10


def test_where_one_gives_up_the_next_goes_on() -> None:
    x, y = problem()
    found = solve_arrays(x * np.logspace(-4, 4, 12), y, 4, 1e-9, 0.0, tol=1e-6, max_iter=1000, **OPTIONS)
    assert found.gap <= 1e-6
    assert 0 < found.steps <= 1000


@pytest.mark.parametrize("max_iter", [0, 2])
def test_iterations_are_no_more_than_allowed(max_iter: int) -> None:
    x, y = problem()
    assert solve_arrays(x, y, 4, 0.01, 0.0, tol=1e-12, max_iter=max_iter, **OPTIONS).steps == max_iter
