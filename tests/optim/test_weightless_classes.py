"""Classes without weight: what the objective approaches, told as a gap."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from softreg.optim.arrays import solve_arrays
from softreg.optim.weightless_classes import without_weight

pytestmark = pytest.mark.usefixtures("one_thread")
L2 = 0.05


def objective(x: Any, y: NDArray[Any], weights: NDArray[Any], theta: NDArray[Any]) -> float:
    logits = x @ theta[:, :-1].T + theta[:, -1]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
    return float(np.average(losses, weights=weights) + L2 / 2 * (theta[:, :-1] ** 2).sum())


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("missing", [[1], [0, 3], [0, 1, 2]])
def test_the_objective_is_within_the_gap_of_that_over_the_other_classes(missing: list[int], container: Any) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 4
    x = rng.normal(size=(60, 3)) + rng.normal(size=(4, 3))[y]
    weights = np.where(np.isin(y, missing), 0.0, rng.uniform(0.5, 2, 60))
    options: dict[str, Any] = {"fit_intercept": True, "start": None, "solver": "lbfgs", "max_iter": 100}
    found = solve_arrays(container(x), y, 4, L2, 0.0, weights=weights, tol=1e-7, **options)
    assert 0 < found.gap <= 1e-7
    others = [c for c in range(4) if c not in missing]
    kept = weights > 0
    label = np.searchsorted(others, y[kept])
    least = 0.0
    if len(others) > 1:
        least = objective(
            x[kept],
            label,
            weights[kept],
            solve_arrays(x[kept], label, len(others), L2, 0.0, weights=weights[kept], tol=1e-10, **options).theta,
        )
    assert -1e-10 <= objective(x, y, weights, found.theta) - least <= found.gap + 1e-10


def test_which_classes_have_no_weight() -> None:
    labels = np.array([0, 1, 1, 3])
    assert not without_weight(labels, 4, None).any()
    assert without_weight(labels, 4, np.array([1.0, 0, 0, 2])).tolist() == [False, True, True, False]
