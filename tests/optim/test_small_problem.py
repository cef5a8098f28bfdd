"""The objective over a small dense array: its value and derivatives as torch has them, and a gap that is never too small."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.objective import Objective
from softreg.optim.small_bound import BLOCK_NUMEL
from softreg.optim.small_problem import SmallProblem

pytestmark = pytest.mark.usefixtures("one_thread")
Array = NDArray[Any]
L2 = 0.05


def rows(classes: int, n: int = 60, d: int = 5, dtype: Any = np.float64) -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(classes)
    y = np.arange(n, dtype=np.int64) % classes
    return (rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[y] + 0.5).astype(dtype), y


def by_torch(x: Array, y: Array, theta: torch.Tensor, weights: Array | None, l2: float = L2) -> torch.Tensor:
    """The objective at theta (C, D + 1), float64."""
    losses = torch.nn.functional.cross_entropy(
        torch.from_numpy(x).double() @ theta[:, :-1].T + theta[:, -1], torch.from_numpy(y), reduction="none"
    )
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    return losses @ torch.from_numpy(share) + l2 / 2 * theta[:, :-1].square().sum()


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_value_and_derivatives_are_torchs(classes: int, weighted: bool, in_place: bool) -> None:
    x, y = rows(classes)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 2, len(y)) if weighted else None
    problem = SmallProblem(x, y, classes, L2, weights, fit_intercept=True, in_place=in_place)
    assert (problem.z is x) == in_place
    theta, direction = rng.normal(size=(2, problem.k, 6))
    if classes > 2:
        theta, direction = theta - theta.mean(0), direction - direction.mean(0)
    as_given = torch.from_numpy(problem.original(theta)).requires_grad_()
    value = by_torch(x, y, as_given, weights)
    value.backward()
    assert as_given.grad is not None
    logits = problem.logits(theta)
    loss, p = problem.loss_and_probabilities(logits)
    assert loss + problem.penalty_at(theta) == pytest.approx(value.item(), rel=1e-12)
    gradient = problem.gradient(theta, problem.residual(p))
    along = problem.original(direction) - problem.original(np.zeros_like(direction))
    assert float((gradient * direction).sum()) == pytest.approx(float((as_given.grad.numpy() * along).sum()), rel=1e-9)
    second = torch.autograd.functional.hvp(lambda t: by_torch(x, y, t, weights), as_given, torch.from_numpy(along))[1]
    curvature = problem.curvature(p, problem.logits(direction)) + 2 * problem.penalty_at(direction)
    assert curvature == pytest.approx(float((second.numpy() * along).sum()), rel=1e-9)


def test_going_there_and_back_changes_no_probability() -> None:
    x, y = rows(3)
    theta = np.random.default_rng(0).normal(size=(3, 6))
    for in_place in (True, False):
        problem = SmallProblem(x, y, 3, L2, None, fit_intercept=True, in_place=in_place)
        back = problem.original(problem.standardized(theta))
        np.testing.assert_allclose(back - back.mean(0), theta - theta.mean(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0.0), (1e-6, 0.0), (1.0, 1e3)])
def test_columns_of_extreme_scale_or_far_from_zero_are_copied(factor: float, shift: float) -> None:
    x, y = rows(3)
    x[:, 2] = x[:, 2] * factor + shift
    problem = SmallProblem(x, y, 3, L2, None, fit_intercept=True, in_place=True)
    assert problem.z is not x
    np.testing.assert_allclose(problem.z.std(0), 1, rtol=1e-6)


def test_a_column_of_zeros_stays_where_it_is() -> None:
    x, y = rows(3)
    x[:, 1] = 0
    assert SmallProblem(x, y, 3, L2, None, fit_intercept=True, in_place=True).z is x


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(2, 4),
    in_place=st.booleans(),
    fit_intercept=st.booleans(),
    single=st.booleans(),
    size=st.floats(-3, 1),
)
def test_the_bound_is_the_general_proofs_and_the_gap_is_not_too_small(
    seed: int, classes: int, in_place: bool, fit_intercept: bool, single: bool, size: float
) -> None:
    x, y = rows(classes, dtype=np.float32 if single else np.float64)
    problem = SmallProblem(x, y, classes, L2, None, fit_intercept=fit_intercept, in_place=in_place)
    theta = 10**size * np.random.default_rng(seed).normal(size=(problem.k, 6))
    theta[:, -1] *= fit_intercept
    solution = problem.solution(theta.astype(problem.z.dtype), 3)
    assert solution.theta.dtype == x.dtype
    assert solution.steps == 3
    returned = torch.from_numpy(solution.theta).double()
    value = by_torch(x, y, returned, None).item()
    matrix = DesignMatrix(torch.from_numpy(x), torch.from_numpy(y))
    proof = duality_gap(Objective(matrix, classes, L2, fit_intercept=fit_intercept), returned)
    assert solution.gap == pytest.approx(value - proof.lower_bound, rel=1e-3, abs=1e-9)
    best = by_torch(x, y, torch.from_numpy(minimum(x, y, classes, fit_intercept)), None).item()
    assert value - best <= solution.gap + 1e-9


def minimum(x: Array, y: Array, classes: int, fit_intercept: bool) -> Array:
    """Theta (C, D + 1) at the minimum, by torch's L-BFGS."""
    theta = torch.zeros(classes, x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(x.shape[1] + 1, dtype=torch.float64)
    mask[-1] = fit_intercept
    optimizer = torch.optim.LBFGS([theta], max_iter=200, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        value = by_torch(x, y, theta * mask, None)
        value.backward()
        return value

    optimizer.step(closure)
    found: Array = (theta * mask).detach().numpy()
    return found


def test_float32_rows_are_proven_in_float64_a_block_at_a_time() -> None:
    d = 500
    x, y = rows(3, n=2 * BLOCK_NUMEL // d + 7, d=d, dtype=np.float32)
    theta = np.random.default_rng(0).normal(size=(3, d + 1)) * 0.01
    single = SmallProblem(x, y, 3, L2, None, fit_intercept=True, in_place=True).solution(theta.astype(np.float32), 0)
    double = SmallProblem(x.astype(np.float64), y, 3, L2, None, fit_intercept=True, in_place=True).solution(
        theta.astype(np.float32).astype(np.float64), 0
    )
    assert single.gap == pytest.approx(double.gap, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_float64_rows_in_single_precision_are_proven_as_they_are(classes: int) -> None:
    x, y = rows(classes)
    problem = SmallProblem(x, y, classes, L2, None, fit_intercept=True, in_place=True, single=True)
    assert problem.z.dtype == np.float32
    theta = np.random.default_rng(0).normal(size=(problem.k, 6)).astype(np.float32)
    double = SmallProblem(x, y, classes, L2, None, fit_intercept=True, in_place=True)
    assert problem.solution(theta, 0).gap == pytest.approx(double.solution(theta.astype(np.float64), 0).gap, rel=1e-8)
    assert problem.solution(theta, 0).theta.dtype == np.float64
    again = problem.in_double()
    assert again.z is x
    np.testing.assert_allclose(again.logits(theta.astype(np.float64)), double.logits(theta.astype(np.float64)), atol=1e-6)


def test_rows_too_large_for_single_precision_stay_double() -> None:
    x, y = rows(3, n=3000)
    x[7, 2] = 1e30  # not among those the columns are judged by
    problem = SmallProblem(x, y, 3, L2, None, fit_intercept=True, in_place=True, single=True)
    assert problem.z is x


def test_the_gap_may_rest_on_other_logits() -> None:
    x, y = rows(3)
    problem = SmallProblem(x, y, 3, L2, None, fit_intercept=True)
    best = minimum(x, y, 3, fit_intercept=True)
    theta = 1.02 * problem.standardized(best)
    excess = by_torch(x, y, torch.from_numpy(problem.original(theta)), None) - by_torch(x, y, torch.from_numpy(best), None)
    gaps = [problem.solution(theta, 0, problem.logits(factor * theta)).gap for factor in (0.9, 1.0, 1 / 1.02)]
    assert gaps[1] == pytest.approx(problem.solution(theta, 0).gap, rel=1e-9)
    assert gaps[0] > gaps[1] > gaps[2] == pytest.approx(excess.item(), abs=1e-7)
