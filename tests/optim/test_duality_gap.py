"""The proof against optima found by scikit-learn in float64: never below the true gap; and the solvers' estimate beside it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
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
@given(problems(), st.floats(0.01, 1), st.integers(0, 1000))
def test_smoothed_targets_are_rows_of_every_label_with_their_weights(objective: Objective, smoothing: float, seed: int) -> None:
    m, c = objective.matrix, objective.classes
    weights = torch.ones(len(m), dtype=torch.float64) if m.weights is None else m.weights
    share = torch.full((len(m), c), smoothing / c, dtype=torch.float64)
    share[torch.arange(len(m)), m.labels] += 1 - smoothing
    labels, weights = torch.arange(c).repeat(len(m)), (weights[:, None] * share).flatten()
    rows = replace(objective, matrix=replace(m, rows=m.rows.repeat_interleave(c, 0), labels=labels, weights=weights))
    theta = torch.randn(c, m.dim + 1, dtype=torch.float64, generator=Generator().manual_seed(seed))
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


def test_without_penalty_nothing_is_proven_but_that_no_cross_entropy_is_negative() -> None:
    matrix = DesignMatrix(torch.eye(3), torch.arange(3))
    assert duality_gap(Objective(matrix, 3, 0.0), torch.zeros(3, 4)).lower_bound == pytest.approx(0, abs=1e-12)


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
