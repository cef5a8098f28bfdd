"""The lower bound in numpy: below the objective everywhere; and biases that agree with the labels in the mean."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from softreg.optim.small_bound import lower_bound, optimal_bias

L2 = 0.1


def problem(seed: int, classes: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows (N, D), one-hot labels (C, N), weighted, and the weights (N,)."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1, 50)
    weights /= weights.sum()
    one_hot = np.zeros((classes, 50))
    one_hot[np.arange(50) % classes, np.arange(50)] = weights
    return rng.normal(size=(50, 3)), one_hot, weights


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), classes=st.integers(2, 5), fit_intercept=st.booleans(), size=st.floats(-2, 1))
def test_it_is_below_the_objective_everywhere(seed: int, classes: int, fit_intercept: bool, size: float) -> None:
    x, one_hot, weights = problem(seed, classes)
    rng = np.random.default_rng(seed + 1)

    def penalized_square(residual: NDArray[Any]) -> float:
        return float(((residual @ x) ** 2).sum()) / (2 * L2)

    weight, other = 10**size * rng.normal(size=(2, classes, 3))
    bias, other_bias = fit_intercept * rng.normal(size=(2, classes, 1))
    bound = lower_bound(log_softmax(weight @ x.T + bias, axis=0), one_hot, weights, penalized_square, fit_intercept=fit_intercept)
    for w, b in ((weight, bias), (other, other_bias), (0 * weight, 0 * bias), (0.1 * weight, 0 * bias)):
        value = -float((one_hot * log_softmax(w @ x.T + b, axis=0)).sum()) + L2 / 2 * float((w**2).sum())
        assert bound <= value + 1e-12


@pytest.mark.parametrize("classes", [2, 4])
def test_with_optimal_biases_the_mean_probabilities_are_the_frequencies(classes: int) -> None:
    x, one_hot, weights = problem(0, classes)
    logits = 0.3 * np.random.default_rng(1).normal(size=(classes, 3)) @ x.T
    log_p = optimal_bias(log_softmax(logits, axis=0), one_hot, weights)
    shift = log_p - log_softmax(logits, axis=0)
    np.testing.assert_allclose(shift - shift[0], np.broadcast_to((shift - shift[0])[:, :1], shift.shape), atol=1e-12)
    np.testing.assert_allclose(np.exp(log_p) @ weights, one_hot.sum(1), atol=2e-4)  # two steps
