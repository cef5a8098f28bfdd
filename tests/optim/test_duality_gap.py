"""The proof against optima found by scikit-learn in float64: never below the true gap; and the solvers' estimate beside it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import entr, log_softmax
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from softreg.optim import duality_gap as module
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap, optimal_bias
from softreg.optim.objective import Objective
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import solver_state

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::scipy.linalg.LinAlgWarning"),
]


def optimum(objective: Objective) -> tuple[float, Tensor]:
    """The minimum and where it is, by scikit-learn's exact Newton method in float64; two classes share one vector there."""
    m, c = objective.matrix, objective.classes
    x, y = m.rows_at(torch.arange(len(m)))
    weights = torch.ones(len(m), dtype=x.dtype) if m.weights is None else m.weights
    peer = LogisticRegression(
        C=(2 if c == 2 else 1) / (objective.l2 * m.weight_sum), solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    peer.fit(x.numpy(), y.numpy(), sample_weight=weights.numpy())
    theta = torch.from_numpy(np.column_stack([peer.coef_, peer.intercept_]))
    theta = torch.cat([-theta, theta]) / 2 if c == 2 else theta
    losses = cross_entropy(x @ theta[:, :-1].T + theta[:, -1], y, reduction="none")
    return float((weights * losses).sum() / weights.sum() + 0.5 * objective.l2 * theta[:, :-1].square().sum()), theta


@st.composite
def problems(draw: st.DrawFn) -> Objective:
    d, c = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    n = draw(st.integers(c, 40))
    g = Generator().manual_seed(draw(st.integers(0, 2**31)))
    rows = torch.randn(n, d, dtype=torch.float64, generator=g) * draw(st.sampled_from([0.1, 1.0, 10.0]))
    labels = torch.cat([torch.arange(c), torch.randint(0, c, (n - c,), generator=g)])
    weights = torch.rand(n, dtype=torch.float64, generator=g) + 0.1 if draw(st.booleans()) else None
    return Objective(
        DesignMatrix(rows, labels, 0.5, torch.full((d,), -0.2, dtype=rows.dtype), weights),
        c,
        draw(st.sampled_from([1e-3, 1e-2, 1.0])),
    )


@settings(max_examples=40)
@given(problems(), st.floats(0, 2), st.integers(0, 1000))
def test_the_proof_is_never_below_the_true_gap(objective: Objective, away: float, seed: int) -> None:
    best, where = optimum(objective)
    theta = where + away**3 * torch.randn(where.shape, dtype=torch.float64, generator=Generator().manual_seed(seed))
    proof = duality_gap(objective, theta)
    assert proof.lower_bound <= best + 1e-13
    assert proof.gap >= proof.value - best - 1e-13


@settings(max_examples=25)
@given(problems())
def test_near_the_optimum_the_proof_is_near_too(objective: Objective) -> None:
    _, where = optimum(objective)
    assert duality_gap(objective, where).gap < 1e-7


@settings(max_examples=25)
@given(problems(), st.integers(0, 2), st.floats(0.01, 1), st.integers(0, 1000))
def test_smoothed_targets_are_rows_of_every_label_with_their_weights(
    objective: Objective, empty: int, smoothing: float, seed: int
) -> None:
    objective = replace(objective, classes=objective.classes + empty)
    m, c = objective.matrix, objective.classes
    weights = torch.ones(len(m), dtype=torch.float64) if m.weights is None else m.weights
    share = torch.full((len(m), c), smoothing / c, dtype=torch.float64)
    share[torch.arange(len(m)), m.labels] += 1 - smoothing
    labels, weights = torch.arange(c).repeat(len(m)), (weights[:, None] * share).flatten()
    rows = replace(objective, matrix=replace(m, rows=m.rows.repeat_interleave(c, 0), labels=labels, weights=weights))
    theta = torch.randn(c, m.dim + 1, dtype=torch.float64, generator=Generator().manual_seed(seed))
    theta[:, :-1] /= m.rows.abs().max()  # else rounding may decide where the bias ends
    ours, expected = duality_gap(replace(objective, label_smoothing=smoothing), theta), duality_gap(rows, theta)
    assert ours.value == pytest.approx(expected.value, rel=1e-12)
    assert ours.lower_bound == pytest.approx(expected.lower_bound, rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(problems(), st.integers(1, 2))
def test_classes_without_rows_are_left_out_of_the_proof(objective: Objective, empty: int) -> None:
    best, where = optimum(objective)
    unlikely = torch.zeros(empty, where.shape[1], dtype=where.dtype)
    unlikely[:, -1] = where[:, -1].min() - 30
    wider = replace(objective, classes=objective.classes + empty)
    proof = duality_gap(wider, torch.cat([where, unlikely]))
    assert proof.lower_bound <= best + 1e-13
    assert proof.gap < 1e-7
    theta = torch.cat([where, unlikely.fill_(0.5)])
    kept, proof = theta.clone(), duality_gap(wider, theta)
    assert proof.value - proof.decrease == pytest.approx(best, abs=1e-9)  # the bound is taken where those have no weights
    assert torch.equal(theta, kept)


def test_without_penalty_nothing_is_proven_but_that_no_cross_entropy_is_negative() -> None:
    matrix = DesignMatrix(torch.eye(3, 4), torch.arange(3))  # of the last feature even the gradient is zero
    assert duality_gap(Objective(matrix, 3, 0.0), torch.zeros(3, 5)).lower_bound == pytest.approx(0, abs=1e-12)


def value_in_numpy(objective: Objective, theta: Tensor) -> float:
    x, y = objective.matrix.rows_at(torch.arange(len(objective.matrix)))
    w, weight = row_weights(objective), theta[:, :-1].double().numpy()
    log_p = log_softmax(x.double().numpy() @ weight.T + theta[:, -1].double().numpy(), axis=1)
    penalty = (weight**2 @ np.broadcast_to(objective.l2_per_feature, objective.matrix.dim)).sum() / 2
    return float(
        -w @ (mean_targets(objective, y.numpy()) * log_p).sum(1) + penalty + (abs(weight) * np.asarray(objective.l1)).sum()
    )


def row_weights(objective: Objective) -> NDArray[np.float64]:
    m = objective.matrix
    w = torch.ones(len(m), dtype=torch.float64) if m.weights is None else m.weights.double()
    share: NDArray[np.float64] = (w / w.sum()).numpy()
    return share


def mean_targets(objective: Objective, y: NDArray[np.int64]) -> NDArray[np.float64]:
    smoothing, one_hot = objective.label_smoothing, np.eye(objective.classes)[y]
    targets: NDArray[np.float64] = (1 - smoothing) * one_hot + smoothing / objective.classes
    return targets


def bound_in_numpy(objective: Objective, theta: Tensor) -> float:
    """The bound at the probabilities of theta, row by row: mixed with r first, unless there is no bias."""
    x, y = objective.matrix.rows_at(torch.arange(len(objective.matrix)))
    w, t = row_weights(objective), mean_targets(objective, y.numpy())
    p = np.exp(log_softmax((x @ theta[:, :-1].T + theta[:, -1]).numpy(), axis=1))
    q, h = p, w @ entr(p).sum(1)
    if objective.fit_intercept:
        mean_p = w @ p  # 0 of a class without rows
        s = max((mean_p - w @ t)[mean_p > 0] / mean_p[mean_p > 0])
        r = (w @ t - (1 - s) * mean_p) / s
        q, h = (1 - s) * p + s * r, (1 - s) * h + s * entr(r.clip(0)).sum()
        np.testing.assert_allclose(w @ q, w @ t, atol=1e-14)  # as any proof needs
        assert q.min() > -1e-15
        assert h <= w @ entr(q.clip(0)).sum(1) + 1e-14  # the entropy is concave
    g = np.asarray(objective.l2_per_feature) ** -0.5 * ((q - t).T @ (w[:, None] * x.numpy()))
    return float(h - (g**2).sum() / 2)


@pytest.mark.parametrize("fit_intercept", [True, False])
@settings(max_examples=25)
@given(problems(), st.sampled_from([0.0, 0.1]), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_far_from_an_optimal_bias_it_is_the_bound_of_mixed_probabilities(
    fit_intercept: bool, objective: Objective, smoothing: float, uneven: bool, empty: bool, seed: int
) -> None:
    g = Generator().manual_seed(seed)
    penalty = torch.rand(objective.matrix.dim, dtype=torch.float64, generator=g) + 0.5 if uneven else 1.0
    objective = replace(objective, classes=objective.classes + empty, l2=1.0, feature_penalty=penalty)
    objective = replace(objective, label_smoothing=smoothing, fit_intercept=fit_intercept)
    theta, nearer = torch.randn(2, objective.classes, objective.matrix.dim + 1, dtype=torch.float64, generator=g) / 9
    if fit_intercept:
        nearer[0, -1] += 2
        if empty and not smoothing:
            nearer[-1] = torch.tensor([*[0.0] * objective.matrix.dim, module.NEVER])
    else:
        theta[:, -1] = nearer[:, -1] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_STEPS", 1)  # one step leaves the mean probabilities far from the class frequencies
        proof = duality_gap(objective, theta, nearer)
        at = optimal_bias(objective, nearer) if fit_intercept else nearer
    expected = bound_in_numpy(objective, at)
    assert proof.value == pytest.approx(value_in_numpy(objective, theta), rel=1e-13)
    assert proof.decrease == pytest.approx(proof.value - value_in_numpy(objective, at), abs=1e-13)
    assert proof.gap == proof.value - proof.lower_bound
    assert proof.lower_bound == pytest.approx(max(expected, 0), abs=1e-12)
    assert proof.lower_bound < max(expected, 0) - 5e-15 * proof.value  # room for rounding


@pytest.mark.parametrize("far", [0.0, 5.0])
@settings(max_examples=20)
@given(problems(), st.sampled_from([0.0, 0.1]), st.integers(0, 1000))
def test_at_the_optimal_bias_the_mean_probabilities_are_the_class_frequencies(
    far: float, objective: Objective, smoothing: float, seed: int
) -> None:
    objective = replace(objective, label_smoothing=smoothing)
    x, y = objective.matrix.rows_at(torch.arange(len(objective.matrix)))
    theta = torch.randn(objective.classes, x.shape[1] + 1, dtype=torch.float64, generator=Generator().manual_seed(seed)) / 3
    theta[:, :-1] /= x.abs().max()
    theta[0, -1] += far
    found = optimal_bias(objective, theta)
    assert torch.equal(found[:, :-1], theta[:, :-1])
    p = np.exp(log_softmax((x @ found[:, :-1].T + found[:, -1]).numpy(), axis=1))
    w, t = row_weights(objective), mean_targets(objective, y.numpy())
    np.testing.assert_allclose(w @ p, w @ t, atol=1e-8)


def test_a_bias_that_is_right_already_is_no_reason_to_leave_the_others() -> None:
    objective = Objective(DesignMatrix(torch.zeros(9, 1, dtype=torch.float64), torch.arange(9) % 3), 3, 1.0)
    bias = torch.tensor([1 / 2, 1 / 6, 1 / 3], dtype=torch.float64).log()
    found = optimal_bias(objective, torch.stack([torch.zeros_like(bias), bias], dim=1))[:, 1]
    torch.testing.assert_close(found.softmax(0), torch.full_like(bias, 1 / 3), rtol=0, atol=1e-9)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_float32_the_proof_is_that_of_the_same_numbers_in_float64(weighted: bool, fit_intercept: bool) -> None:
    g = Generator().manual_seed(2)
    rows, labels = torch.randn(90, 4, generator=g), torch.arange(90) % 3
    weights = torch.rand(90, generator=g) if weighted else None
    theta = torch.randn(3, 5, generator=g) / 3
    theta[:, -1] *= fit_intercept
    objective = Objective(DesignMatrix(rows, labels, weights=weights), 3, 0.1, fit_intercept=fit_intercept)
    single = duality_gap(objective, theta)
    double = duality_gap(replace(objective, matrix=replace(objective.matrix, rows=rows.double())), theta.double())
    assert single.value == pytest.approx(double.value, rel=1e-13)
    assert single.lower_bound == pytest.approx(double.lower_bound, abs=1e-7 if fit_intercept else 1e-13)  # biases are rounded


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.02, 0.0), (0.02, 0.1), (0.3, 0.1), (0.0, 0.1)])
@pytest.mark.parametrize("away", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("other", [1.0, 0.0])
def test_with_an_l1_penalty_against_a_minimum_along_a_line(l1: float, l2: float, away: float, other: float) -> None:
    """Rows of one class are minus those of the other: there is no bias, and one vector serves both. Another feature is always 0."""
    x = torch.randn(40, 1, dtype=torch.float64, generator=Generator().manual_seed(5)) + 0.7
    rows = torch.cat([torch.cat([x, -x]), torch.zeros(80, 1)], dim=1)
    matrix = DesignMatrix(rows, torch.arange(2).repeat_interleave(40))
    objective = Objective(matrix, 2, l2, l1=torch.tensor([l1, other], dtype=torch.float64))

    def value(u: float) -> float:
        return float(np.logaddexp(0, -2 * u * x.numpy()).mean() + l2 * u * u + 2 * l1 * abs(u))

    best = minimize_scalar(value, (0, 1), tol=1e-12)
    at = 0.0 if best.x < 1e-6 else float(best.x)
    theta = torch.tensor([[at + away, 0, 0], [-at - away, 0, 0]], dtype=torch.float64)
    proof = duality_gap(objective, theta)
    assert proof.value == pytest.approx(value(at + away), rel=1e-13)
    assert -1e-13 <= proof.lower_bound <= best.fun + 1e-13
    if not away and (l2 or other):  # a feature without a penalty leaves nothing to be proven
        assert proof.gap < 1e-7


@pytest.mark.parametrize("solver", [LBFGS, Newton])
@settings(max_examples=20)
@given(problems())
def test_the_estimate_is_within_three_of_the_true_gap(solver: type[LBFGS | Newton], objective: Objective) -> None:
    best, _ = optimum(objective)
    searching = solver(1e-6, 200)
    state = searching.start(objective, torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=torch.float64))
    while state.termination is None:
        state = searching.step(objective, state)
    gap, estimate = state.cost - best, float(solver_state(state).gap)
    assert state.termination.converged
    assert gap <= 3 * estimate + 1e-13
    assert estimate <= 3 * gap + 1e-10
