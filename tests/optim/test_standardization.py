"""Columns of any scale: the same objective, and answers whose gap, computed here, is what the estimator says or is warned of."""

import os
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from torch import Generator

from softreg.estimator import SoftmaxClassifier
from softreg.optim import small_lbfgs
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.standardization import standardize

pytestmark = pytest.mark.usefixtures("one_thread")

Array = NDArray[Any]
EXAMPLES = int(os.environ.get("SOFTREG_GAP_PROBLEMS", "100"))  # 10,000 take seven minutes of processor time


def loss(x: Array, y: Array, theta: Array, l2: Array) -> float:
    """Mean cross-entropy plus 1/2 sum_j l2_j ||theta_j||^2 of theta (C, D + 1), x ending in a column of ones."""
    log_p = log_softmax(x @ theta.T, axis=1)
    return float(-log_p[np.arange(len(y)), y].mean() + 0.5 * (l2 * theta**2).sum())


def minimum(x: Array, y: Array, l2: float) -> float:
    """The minimum of the objective, by Newton's method with the whole Hessian, in float64, on standardised columns."""
    x = x.astype(np.float64)
    centred = x - x.mean(0)
    constant = np.abs(centred).max(0) <= 1e-13 * np.abs(x).max(0)
    scale = np.where(constant, 1, centred.std(0))
    z = np.column_stack([np.where(constant, 0, centred / scale), np.ones(len(x))])
    penalty, onehot = np.append(l2 / scale**2, 0), np.eye(y.max() + 1)[y]
    theta = np.zeros((onehot.shape[1], z.shape[1]))
    for _ in range(100):
        p = np.exp(log_softmax(z @ theta.T, axis=1))
        gradient = (p - onehot).T @ z / len(z) + penalty * theta
        curvature = (p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]) / len(z)  # (N, C, C)
        hessian = np.einsum("nab,ni,nj->aibj", curvature, z, z, optimize=True).reshape(theta.size, theta.size)
        hessian += np.diag(np.tile(penalty, len(theta)))
        unit = 1 / np.sqrt(hessian.diagonal() + 1e-300)
        step = (unit * np.linalg.lstsq(hessian * unit * unit[:, None], unit * gradient.ravel(), rcond=1e-15)[0]).reshape(
            theta.shape
        )
        decrement, length, here = float((step * gradient).sum()), 1.0, loss(z, y, theta, penalty)
        while length > 1e-9 and loss(z, y, theta - length * step, penalty) > here - 0.1 * length * decrement + 1e-16:
            length /= 2
        theta = theta - length * step
        if decrement < 1e-15:
            break
    return loss(z, y, theta, penalty)


def assert_no_silent_miss(x: Array, y: Array, c: float, solver: str, tol: float = 1e-8) -> None:
    """Fit, and compare the true gap of the coefficients with what was promised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = SoftmaxClassifier(C=c, solver=solver, tol=tol).fit(x, y)
    l2 = 1 / (c * len(x))
    theta: Array = np.column_stack([fitted.coef_, fitted.intercept_]).astype(np.longdouble)
    if len(theta) == 1:
        theta, l2 = np.concatenate([-theta, theta]) / 2, 2 * l2
    ones = np.column_stack([x.astype(np.longdouble), np.ones(len(x))])
    logits = ones @ theta.T
    log_p = logits - logits.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    value = float(-log_p[np.arange(len(y)), y].mean() + 0.5 * l2 * (theta[:, :-1] ** 2).sum())
    gap = value - minimum(x, y, l2)
    warned = [str(warning.message) for warning in caught]
    assert gap <= 1.01 * tol + 1e-12 or warned, gap
    if warned:  # with a figure that is not below the truth, but for its rounding to two digits
        assert gap <= 1.06 * float(warned[0].split("within ")[1].split()[0]) + 1e-12


def classification(n: int = 200) -> tuple[Array, Array]:
    x, y = make_classification(n, 20, n_informative=10, n_classes=4, random_state=0)
    return x, y


def with_column(j: int, centre: float, scale: float, x: Array) -> Array:
    x = x.copy()
    x[:, j] = centre + scale * x[:, j]
    return x


CASES: dict[str, Any] = {
    "timestamp": lambda x: with_column(0, 1.6e9, 1e7, x),
    "year and price": lambda x: with_column(1, 3e5, 1e5, with_column(0, 2000, 10, x)),
    "scales 1e-3 to 1e6": lambda x: x * np.logspace(-3, 6, 20),
    "far off": lambda x: x + 1e4,
    "very far off": lambda x: x + 1e6,
    "constant and duplicated": lambda x: np.column_stack([x, np.full(len(x), 7.3), x[:, 0], 1e4 * x[:, 0]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("c", [1.0, 1e9])
@pytest.mark.parametrize("case", CASES)
def test_there_is_no_silent_miss(case: str, c: float, solver: str, dtype: Any) -> None:
    x, y = classification()
    assert_no_silent_miss(CASES[case](x).astype(dtype), y, c, solver)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES)
def test_float64_is_always_enough(case: str) -> None:
    x, y = classification()
    SoftmaxClassifier().fit(CASES[case](x), y)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_random_columns_are_never_a_silent_miss(data: st.DataObject) -> None:
    d, c, n = data.draw(st.integers(1, 6) | st.integers(7, 30)), data.draw(st.integers(2, 4)), data.draw(st.integers(20, 120))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    scale = 10.0 ** np.array(data.draw(st.lists(st.floats(-6, 6), min_size=d, max_size=d)))
    centre = scale * 10.0 ** np.array(data.draw(st.lists(st.floats(-2, 6), min_size=d, max_size=d)))
    y = np.concatenate([np.arange(c), rng.integers(0, c, n - c)])
    x = centre + scale * (rng.normal(size=(c, d))[y] + data.draw(st.sampled_from([0.01, 1.0])) * rng.normal(size=(n, d)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    strength = 10.0 ** data.draw(st.floats(-3, 6))
    tol = data.draw(st.sampled_from([1e-8, 1e-6]))  # to the looser one, float32 rows are solved as they are
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_lbfgs, "WORTH_SINGLE", data.draw(st.sampled_from([small_lbfgs.WORTH_SINGLE, 0])))
        assert_no_silent_miss(x.astype(dtype), y, strength, data.draw(st.sampled_from(["lbfgs", "newton"])), tol)


def test_the_objective_is_the_same_and_the_way_back_too() -> None:
    g = Generator().manual_seed(0)
    rows = torch.randn(50, 3, generator=g, dtype=torch.float64) * torch.tensor([1e-3, 1.0, 1e6]) + torch.tensor([5.0, 0.0, 1e9])
    plain = Objective(DesignMatrix(rows, torch.arange(50) % 3), 3, 0.1)
    standardized = standardize(plain)
    theta = torch.randn(3, 4, generator=g, dtype=torch.float64) * torch.tensor([1e2, 1.0, 1e-8, 1.0])
    inside = standardized.standardized(theta)
    assert standardized.objective.value(inside) == pytest.approx(plain.value(theta), rel=1e-9)
    torch.testing.assert_close(standardized.original(inside, torch.float64), theta, rtol=1e-9, atol=1e-9)


def test_a_start_at_which_rounding_leaves_no_curvature_is_left(recwarn: pytest.WarningsRecorder) -> None:
    rng = np.random.default_rng(3)  # found by the test above: two columns of noise beside one of 1e12, nearly no penalty
    scale = 10.0 ** np.array([0, 0, 6])
    y = np.concatenate([np.arange(3), rng.integers(0, 3, 43)])
    x = scale * 10.0 ** np.array([0, 0, 6]) + scale * (rng.normal(size=(3, 3))[y] + 0.01 * rng.normal(size=(46, 3)))
    assert_no_silent_miss(x.astype(np.float32), y, 10**5.89369264306681, "lbfgs", 1e-6)
    assert not recwarn.list


def test_the_coefficients_of_two_classes_are_rounded_once() -> None:
    rng = np.random.default_rng(567)  # found by the same test: of two rows of float32, the difference was rounded again
    scale = 10.0 ** np.array([5.0, 1.625, *[0] * 2, 1, *[0] * 4, 1, 0, 5, *[0] * 6])
    centre = scale * 10.0 ** np.array([6.0, 3, *[0] * 3, 1, *[0] * 5, 1, 0, 1.6875, 1, *[0] * 3])
    y = np.concatenate([np.arange(2), rng.integers(0, 2, 18)])
    x = centre + scale * (rng.normal(size=(2, 18))[y] + rng.normal(size=(20, 18)))
    assert_no_silent_miss(x.astype(np.float32), y, 10**1.25, "lbfgs")
