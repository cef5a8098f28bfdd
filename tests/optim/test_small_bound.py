"""The lower bound in numpy: below the objective everywhere; and biases that agree with the labels in the mean."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from softreg.optim.small_bound import BLOCK_NUMEL, blocks64, dual_point, log_probabilities, optimal_bias

L2 = 0.1


def problem(seed: int, classes: int) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[Any]]:
    """Rows (N, D), labels (N,), and weights (N,)."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1, 50)
    return rng.normal(size=(50, 3)), np.arange(50) % classes, weights / weights.sum()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), classes=st.integers(2, 5), fit_intercept=st.booleans(), size=st.floats(-2, 1))
def test_it_is_below_the_objective_everywhere(seed: int, classes: int, fit_intercept: bool, size: float) -> None:
    x, y, weights = problem(seed, classes)
    rng = np.random.default_rng(seed + 1)
    weight, other = 10**size * rng.normal(size=(2, classes, 3))
    bias, other_bias = fit_intercept * rng.normal(size=(2, classes, 1))
    log_p, p = log_probabilities(weight @ x.T + bias)
    entropy, residual = dual_point(log_p, p, y, weights, fit_intercept=fit_intercept)
    bound = entropy - float(((residual @ x) ** 2).sum()) / (2 * L2)
    for w, b in ((weight, bias), (other, other_bias), (0 * weight, 0 * bias), (0.1 * weight, 0 * bias)):
        value = -float(log_softmax(w @ x.T + b, axis=0)[y, np.arange(50)] @ weights) + L2 / 2 * float((w**2).sum())
        assert bound <= value + 1e-12


@pytest.mark.parametrize("classes", [2, 4])
def test_with_optimal_biases_the_mean_probabilities_are_the_frequencies(classes: int) -> None:
    x, y, weights = problem(0, classes)
    logits = 0.3 * np.random.default_rng(1).normal(size=(classes, 3)) @ x.T
    log_p, p = optimal_bias(*log_probabilities(logits), y, weights)
    shift = log_p - log_softmax(logits, axis=0)
    np.testing.assert_allclose(shift - shift[0], np.broadcast_to((shift - shift[0])[:, :1], shift.shape), atol=1e-12)
    np.testing.assert_allclose(p @ weights, np.bincount(y, weights), atol=2e-4)  # two steps
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-12)


def test_a_class_without_weight_does_no_harm() -> None:
    x, y, weights = problem(0, 3)
    weights = np.where(y == 2, 0, weights) / weights[y != 2].sum()
    log_p, p = optimal_bias(*log_probabilities(np.ones((3, 3)) @ x.T), y, weights)
    assert np.isfinite(log_p).all()
    assert p[2] @ weights < 0.2


@pytest.mark.parametrize("size", [1, 3])
def test_probabilities_of_logits(size: int) -> None:
    logits = 30 * np.random.default_rng(0).normal(size=(size, 40))
    log_p, p = log_probabilities(logits)
    whole = logits if size > 1 else np.concatenate([0 * logits, logits])
    np.testing.assert_allclose(log_p, log_softmax(whole, axis=0), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(p, np.exp(log_p), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_all_the_rows(dtype: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(2 * BLOCK_NUMEL // 500 + 7, 500)).astype(dtype)
    parts = [(part, block.copy()) for part, block in blocks64(rows)]
    assert {block.dtype for _, block in parts} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), rows)
    assert all(len(rows[part]) == len(block) for part, block in parts)
