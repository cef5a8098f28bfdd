"""Every solver on every kind of small problem finds scikit-learn's minimum in float64, and says truly how near it came."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.objective import Objective
from softreg.optim.solver import State, Termination, TerminationReason
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import (
    NewtonTypeSolver,
    checked_termination,
    newton_decrement,
    proven_gap,
    solver_state,
    upper_estimate,
)
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")

Problem = tuple[Tensor, Tensor]
SOLVERS = [LBFGS, Newton]


def blobs(n: int = 120, d: int = 5, c: int = 3, spread: float = 1.0) -> Problem:
    g = Generator().manual_seed(n + d + c)
    labels = torch.arange(n) % c
    return torch.randn(c, d, dtype=torch.float64, generator=g)[labels] + spread * torch.randn(
        n, d, dtype=torch.float64, generator=g
    ), labels


def with_columns(*columns: Callable[[Tensor], Tensor]) -> Problem:
    x, y = blobs()
    return torch.cat([x, *(column(x)[:, None] for column in columns)], dim=1), y


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "overlapping": blobs,
    "separable": lambda: blobs(spread=0.05),
    "collinear": lambda: with_columns(lambda x: x[:, 0] + x[:, 1], lambda x: 3 * x[:, 2]),
    "constant feature": lambda: with_columns(lambda x: torch.full((len(x),), 7.0, dtype=x.dtype)),
    "all-zero feature": lambda: with_columns(lambda x: torch.zeros(len(x), dtype=x.dtype)),
    "one sample per class": lambda: blobs(n=4, c=4),
    "two classes": lambda: blobs(c=2),
    "a hundred classes": lambda: blobs(n=200, d=2, c=100),
    "more features than samples": lambda: blobs(n=20, d=60),
    "huge scale": lambda: (1e4 * blobs()[0], blobs()[1]),
    "tiny scale": lambda: (1e-4 * blobs()[0], blobs()[1]),
    "unlike scales": lambda: (blobs()[0] * torch.logspace(-3, 3, 5, dtype=torch.float64), blobs()[1]),
    "rare class": lambda: (blobs()[0], (torch.arange(120) == 7).long()),
}


def run(solver: NewtonTypeSolver, objective: Objective, theta: Tensor | None = None) -> State:
    state = solver.start(
        objective, torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=torch.float64) if theta is None else theta
    )
    while state.termination is None:
        state = solver.step(objective, state)
    return state


def peer(objective: Objective) -> float:
    """The minimum, by scikit-learn; two classes share one vector there, so the penalty counts double."""
    m, c = objective.matrix, objective.classes
    fitted = LogisticRegression(
        C=(2 if c == 2 else 1) / (objective.l2 * len(m)), solver="newton-cholesky", tol=1e-10, max_iter=10_000
    )
    fitted.fit(m.rows.numpy(), m.labels.numpy())
    theta = torch.from_numpy(np.column_stack([fitted.coef_, fitted.intercept_]))
    return objective.value(torch.cat([-theta, theta]) / 2 if c == 2 else theta)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::scipy.linalg.LinAlgWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l2", [1e-8, 1e-3, 1e2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_minimum_is_scikit_learns(solver: type[NewtonTypeSolver], l2: float, name: str) -> None:
    rows, labels = PROBLEMS[name]()
    objective = Objective(DesignMatrix(rows, labels), int(labels.max()) + 1, l2)
    state = run(solver(1e-9, 2000), objective)
    assert state.termination is not None
    assert state.termination.converged, str(state.termination)
    assert state.cost <= peer(objective) + 2e-9
    assert state.cost >= duality_gap(objective, state.theta).lower_bound
    assert state.theta.sum(0).abs().max() <= 1e-9 * max(1.0, float(state.theta.abs().max()))


@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_comes_within_its_tolerance(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(n=300, d=20, c=5)
    exact = run(solver(1e-12, 500), Objective(DesignMatrix(rows, labels), 5, 1e-3))
    single = run(solver(1e-6, 500), Objective(DesignMatrix(rows.float(), labels), 5, 1e-3), torch.zeros(5, 21))
    assert single.theta.dtype == torch.float32
    assert single.termination is not None
    assert single.termination.converged
    assert abs(single.cost - exact.cost) < 3e-6


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_taken_up_from_any_state_goes_on_bit_for_bit(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(n=200, d=30, c=4, spread=3)
    objective = Objective(DesignMatrix(rows.float(), labels), 4, 1e-5)
    states = [solver(1e-7, 100).start(objective, torch.zeros(4, 31))]
    first = solver(1e-7, 100)
    while states[-1].termination is None:
        states.append(first.step(objective, states[-1]))
    assert len(states) > 5
    for kept in states[:-1]:  # as if read from a file: copies, in another process's solver
        tensors = {name: tensor.clone() for name, tensor in kept.solver_state.to_tensors().items()}
        state = replace(kept, theta=kept.theta.clone(), solver_state=solver.state_type.from_tensors(tensors))
        other = solver(1e-7, 100)
        while state.termination is None:
            state = other.step(objective, state)
        assert state.steps == states[-1].steps
        assert state.theta.equal(states[-1].theta)


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_few_iterations_are_said(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(spread=2)
    ended = run(solver(1e-12, 1), Objective(DesignMatrix(rows, labels), 3, 1e-4)).termination
    assert ended is not None
    assert not ended.converged
    assert "--max-iterations" in str(ended)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_rounding_hides_is_said(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(spread=2)
    ended = run(solver(1e-300, 200), Objective(DesignMatrix(rows.float(), labels), 3, 1e-4), torch.zeros(3, 6)).termination
    assert ended is not None
    assert not ended.converged


@pytest.mark.parametrize("solver", SOLVERS)
def test_certify_goes_on_until_the_proof_is_there(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(n=300, d=10, spread=2)
    objective = Objective(DesignMatrix(rows, labels), 3, 1e-4)
    plain, proven = run(solver(1e-5, 500), objective), run(solver(1e-5, 500, certify=True), objective)
    assert proven.steps >= plain.steps
    assert proven_gap(objective, proven.theta, solver_state(proven)).gap <= 1e-5
    assert proven.cost - run(Newton(1e-13, 500), objective).cost <= 1e-5


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l2", [1e-5, 1e-7])
def test_a_proof_for_float32_is_not_lost_in_its_rounding(solver: type[NewtonTypeSolver], l2: float) -> None:
    rows, labels = blobs(n=300, d=10, spread=2)
    objective = Objective(DesignMatrix(rows.float(), labels), 3, l2)
    minimum = run(Newton(1e-14, 500), objective, torch.zeros(3, 11, dtype=torch.float64)).cost
    state = run(solver(3e-9, 50, certify=True), objective, torch.zeros(3, 11))
    assert state.theta.dtype == torch.float32
    bound = float(solver_state(state).lower_bound or 0)
    assert minimum - 3e-9 <= bound <= minimum + 1e-13
    assert objective.value(state.theta.double()) <= bound + 3e-9


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_are_repetitions(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs()
    twice = Objective(DesignMatrix(torch.cat([rows, rows[:50]]), torch.cat([labels, labels[:50]])), 3, 1e-3)
    weights = torch.ones(120, dtype=torch.float64).index_fill(0, torch.arange(50), 2)
    weighted = Objective(DesignMatrix(rows, labels, weights=weights), 3, 1e-3)
    torch.testing.assert_close(run(solver(1e-13, 500), twice).theta, run(solver(1e-13, 500), weighted).theta, rtol=1e-4, atol=1e-5)


def test_too_large_for_blocks_or_even_one_still_converges(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = blobs(n=200, d=20, c=4)
    objective = Objective(DesignMatrix(rows, labels), 4, 1e-3)
    wanted = run(LBFGS(1e-12, 500), objective).cost
    for largest in (21 * 21, 1):
        monkeypatch.setattr("softreg.optim.solvers.preconditioner.MAX_NUMEL", largest)
        state = run(LBFGS(1e-9, 500), objective)
        assert state.termination is not None
        assert state.termination.converged
        assert math.isclose(state.cost, wanted, abs_tol=3e-9)


def test_the_newton_decrement_is_what_a_newton_step_gains_on_a_quadratic() -> None:
    objective = small_objective()
    theta = random_theta(objective)
    hessian, gradient = dense_hessian(objective, theta), objective.value_and_gradient(theta)[1].flatten()
    d = -torch.linalg.pinv(hessian, hermitian=True) @ gradient
    gain = -(gradient @ d + d @ hessian @ d / 2)  # of the quadratic that has this gradient and Hessian
    found = newton_decrement(d.view(theta.shape), gradient.view(theta.shape))
    assert float(found) == pytest.approx(float(gain), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_upper_estimate_is_never_below_the_gap_at_an_optimal_bias(seed: int) -> None:
    objective = small_objective(seed=seed)
    minimum = peer(objective)
    theta = random_theta(objective, seed)
    for _ in range(50):  # Newton's method for the bias alone
        gradient, hessian = objective.value_and_gradient(theta)[1][:, -1], dense_hessian(objective, theta)
        biases = torch.arange(theta.shape[1] - 1, theta.numel(), theta.shape[1])
        theta = theta.clone()
        theta[:, -1] -= 0.5 * torch.linalg.pinv(hessian[biases][:, biases], hermitian=True) @ gradient
    gradient = objective.value_and_gradient(theta)[1]
    assert upper_estimate(objective, gradient) >= objective.value(theta) - minimum


def test_without_a_penalty_nothing_bounds_the_gap() -> None:
    objective = small_objective(l2=0.0)
    assert upper_estimate(objective, random_theta(objective)) == math.inf


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_proven_gap_is_never_below_the_true_one(solver: type[NewtonTypeSolver], steps: int) -> None:
    rows, labels = blobs(spread=2)
    objective = Objective(DesignMatrix(rows, labels), 3, 1e-2)
    state = run(solver(1e-12, steps), objective)
    proof = proven_gap(objective, state.theta, solver_state(state))
    assert state.cost - peer(objective) <= proof.gap + 1e-12
    assert proof.lower_bound <= peer(objective) + 1e-12


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_termination_is_checked_by_the_proof(solver: type[NewtonTypeSolver]) -> None:
    rows, labels = blobs(spread=2)
    objective = Objective(DesignMatrix(rows, labels), 3, 1e-2)
    good = run(solver(1e-9, 500, certify=True), objective)
    checked = checked_termination(objective, good)
    assert checked.converged
    assert good.cost - peer(objective) <= float(str(checked.params["proven"])) <= 1e-9
    early = run(solver(1e-9, 1), objective)
    claimed = replace(early, termination=Termination(TerminationReason.CONVERGED, {"iterations": 1, "gap": 0.0, "tol": 1e-9}))
    refuted = checked_termination(objective, claimed)
    assert not refuted.converged
    assert 0 < float(str(refuted.params["gap"])) <= early.cost - peer(objective) + 1e-12
