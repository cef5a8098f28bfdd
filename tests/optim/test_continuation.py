"""Weak penalties on separable rows: the minimum is scikit-learn's, where the direct road strays."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from softreg.data.load import load_dataset
from softreg.estimator import SoftmaxClassifier
from softreg.optim.continuation import minimize_by_continuation, minimize_or_continue
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solver import TerminationReason
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton_type import solver_state

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_minimum_for_a_weak_penalty(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    x = torch.randn(300, 8, generator=generator, dtype=dtype) + 2 * torch.eye(3, 8, dtype=dtype)[y]
    objective = Objective(DesignMatrix(x, y, centre=x.mean(0)), 3, 1e-7)
    solver = LBFGS(1e-9, 200, certify=True)
    state = minimize_by_continuation(solver, objective, steps=5)
    assert objective.value(state.theta.double()) <= float(solver_state(state).lower_bound or 0) + 1e-9
    peer = LogisticRegression(C=1 / (300 * 1e-7), solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(x.double().numpy(), y)
    shifted = torch.from_numpy(peer.intercept_ + peer.coef_ @ x.double().mean(0).numpy())
    best = objective.value(torch.cat([torch.from_numpy(peer.coef_), shifted[:, None]], dim=1))
    assert state.cost <= best + (1e-9 if dtype == torch.float64 else 1e-7)  # which float32 rounds
    assert float(solver_state(state).lower_bound or 0) <= best
    assert 5 < state.steps <= 200


def test_a_solver_that_does_not_stray_is_left_alone() -> None:
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = (x[:, 0] + torch.randn(200, generator=torch.Generator().manual_seed(1), dtype=torch.float64) > 0).long()
    objective = Objective(DesignMatrix(x, y), 2, 1e-3)
    state = minimize_or_continue(LBFGS(1e-10, 100), objective, torch.zeros(2, 5, dtype=torch.float64))
    assert state.termination is not None
    assert state.termination.reason is TerminationReason.CONVERGED


def test_raw_pixels_are_as_good_as_scaled_ones() -> None:
    """0 ... 255, unscaled: `C` is for these, so the penalty is very weak."""
    train = load_dataset("mnist").train
    x, y = train.images[:1500, 4:24, 4:24].flatten(1).numpy(), train.labels[:1500].numpy()
    held_out, labels = train.images[1500:3500, 4:24, 4:24].flatten(1).numpy(), train.labels[1500:3500].numpy()
    ours = SoftmaxClassifier(tol=1e-6).fit(x, y)  # a ConvergenceWarning would be an error
    peer = LogisticRegression(max_iter=3000).fit(x, y)
    assert ours.score(held_out, labels) >= peer.score(held_out, labels) - 0.01
    assert len(np.unique(ours.predict(held_out))) == 10
