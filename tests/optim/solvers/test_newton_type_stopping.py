"""When L-BFGS and Newton's method stop, rule by rule. What they find is tested in test_newton_type.py."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solver import State, TerminationReason
from softreg.optim.solvers import newton_type
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver, checked_termination, proven_gap, solver_state, upper_estimate
from tests.helpers.problems import random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")
SOLVERS = [LBFGS, Newton]


def run(solver: NewtonTypeSolver, objective: Objective) -> State:
    state = solver.start(objective, random_theta(objective))
    while state.termination is None:
        state = solver.step(objective, state)
    return state


def reason(state: State) -> TerminationReason:
    assert state.termination is not None
    return state.termination.reason


@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_are_counted_from_none_and_one_that_finds_nothing_counts(
    solver: type[NewtonTypeSolver], monkeypatch: pytest.MonkeyPatch
) -> None:
    searching, objective = solver(1e-9, 77), small_objective()
    start = searching.start(objective, random_theta(objective))
    assert (start.steps, searching.total) == (0, 77)
    monkeypatch.setattr(newton_type, "line_search", lambda *_: None)
    ended = searching.step(objective, start)
    assert (ended.steps, reason(ended)) == (1, TerminationReason.STALLED)
    assert torch.equal(ended.theta, start.theta)


@pytest.mark.parametrize("fit_intercept", [True, False])  # without, the gradient of the biases is zero
def test_no_direction_downhill_is_no_sign_of_the_minimum(fit_intercept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = replace(small_objective(), fit_intercept=fit_intercept)
    theta = random_theta(objective)
    theta[:, -1] *= fit_intercept
    for factor in (0, 1e-9):
        monkeypatch.setattr(newton_type, "conjugate_gradients", lambda o, t, g, *_, factor=factor, **__: factor * g)
        state = Newton(1e-6, 77).start(objective, theta)
        assert (state.termination, float(solver_state(state).gap)) == (None, math.inf)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_is_proven_unasked_nor_where_nothing_can_be(
    solver: type[NewtonTypeSolver], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unasked(*_: Any) -> Any:
        pytest.fail("a proof was tried")

    monkeypatch.setattr(newton_type, "duality_gap", unasked)
    assert reason(run(solver(1e-6, 77), small_objective())) is TerminationReason.CONVERGED
    assert reason(run(solver(1e-6, 77, certify=True), small_objective(l2=0.0))) is not TerminationReason.CONVERGED


@pytest.mark.parametrize("is_proven", [True, False])
def test_where_a_proof_is_hopeless_it_ends(is_proven: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = small_objective()
    plain = run(LBFGS(1e-6, 77), objective)
    monkeypatch.setattr(newton_type, "HOPELESS", 1.0)  # at the first estimate that is within the tolerance
    monkeypatch.setattr(LBFGS, "_prove_if_promising", lambda self, objective, state, inverse: (state, is_proven))
    ended = run(LBFGS(1e-6, 77, certify=True), objective)
    assert ended.steps == plain.steps
    assert reason(ended) is (TerminationReason.CONVERGED if is_proven else TerminationReason.STALLED)


@pytest.mark.parametrize(
    ("dtype", "ends"), [(torch.float64, TerminationReason.CONVERGED), (torch.float32, TerminationReason.STALLED)]
)
def test_newtons_method_in_float64_goes_on_where_a_proof_fails(
    dtype: torch.dtype, ends: TerminationReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, proven = small_objective(), iter([False, True])
    monkeypatch.setattr(newton_type, "HOPELESS", 1.0)
    monkeypatch.setattr(Newton, "_prove_if_promising", lambda self, objective, state, inverse: (state, next(proven)))
    solver = Newton(1e-4, 77, certify=True)
    state = solver.start(objective, random_theta(objective).to(dtype))
    while state.termination is None:
        state = solver.step(objective, state)
    assert reason(state) is ends


def test_the_better_of_two_bounds_is_what_is_proven() -> None:
    objective = small_objective()
    state = run(Newton(1e-4, 77), objective)
    here, proof = solver_state(state), proven_gap(objective, state.theta, solver_state(state))
    for lower, wanted in ((None, proof.gap), (proof.value - proof.gap / 2, proof.gap / 2), (0.0, proof.gap)):
        bound = None if lower is None else torch.tensor(lower, dtype=torch.float64)
        told = checked_termination(objective, replace(state, solver_state=replace(here, lower_bound=bound)))
        assert told.params["proven"] == pytest.approx(wanted, rel=1e-6)


def test_the_upper_estimate_is_the_gradients_square_over_twice_the_penalty() -> None:
    penalty = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    objective = replace(small_objective(l2=0.5), feature_penalty=penalty)
    gradient: Tensor = random_theta(objective)
    expected = (gradient[:, :-1].numpy() ** 2 / np.array([1.0, 2.0, 3.0, 4.0])).sum()  # 2 x 0.5 = 1
    assert upper_estimate(objective, gradient) == pytest.approx(expected, rel=1e-12)


def test_a_preconditioner_is_computed_once_for_a_theta() -> None:
    objective = small_objective()
    solver, theta = LBFGS(1e-6, 77), random_theta(objective)
    first = solver.preconditioner(objective, theta)
    assert solver.preconditioner(objective, theta) is first
    assert solver.preconditioner(objective, theta.clone()) is not first
