"""SGD on small problems against torch.optim.SGD; tests/training/test_fit.py compares whole epochs on MNIST with a DataLoader."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, nn

from softreg.errors import SolverError
from softreg.optim.minimize import minimize
from softreg.optim.solver import TerminationReason
from softreg.optim.solvers.sgd import SGD, shuffle
from tests.helpers.problems import random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("l2", "smoothing"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.3)])
def test_whole_batches_are_torchs_gradient_descent(l2: float, smoothing: float) -> None:
    objective, epochs = replace(small_objective(l2=l2), label_smoothing=smoothing), 7
    theta = random_theta(objective)
    linear = nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(theta[:, :-1])
        linear.bias.copy_(theta[:, -1])
    groups: list[dict[str, Any]] = [{"params": [linear.weight], "weight_decay": l2}, {"params": [linear.bias]}]
    optimizer, costs = torch.optim.SGD(groups, lr=0.3), []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(linear(objective.matrix.rows), objective.matrix.labels, label_smoothing=smoothing)
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    seen: list[float] = []
    solver = SGD(epochs, 60, 0.3, drop_last=True, generator_state=Generator().get_state())
    state = minimize(solver, objective, theta, on_step=lambda step: seen.append(step.cost))
    assert seen == pytest.approx(costs, rel=1e-10)
    torch.testing.assert_close(state.theta, torch.cat([linear.weight, linear.bias[:, None]], 1).detach())


def test_weighted_rows_are_torchs_weighted_losses() -> None:
    """Two epochs of shuffled batches of 16: each step is the gradient of the mean of weight times loss."""
    plain, weights = small_objective(l2=0.1), torch.rand(60, generator=Generator().manual_seed(5), dtype=torch.float64) + 0.1
    objective = replace(plain, matrix=replace(plain.matrix, weights=weights))
    theta = random_theta(objective)
    linear = nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(theta[:, :-1])
        linear.bias.copy_(theta[:, -1])
    groups: list[dict[str, Any]] = [{"params": [linear.weight], "weight_decay": 0.1}, {"params": [linear.bias]}]
    optimizer, generator, costs = torch.optim.SGD(groups, lr=0.3), Generator().manual_seed(3), []
    for _ in range(2):
        total = 0.0
        for batch in shuffle(60, generator).split(16):
            optimizer.zero_grad()
            logits, labels = linear(objective.matrix.rows[batch]), objective.matrix.labels[batch]
            losses = nn.functional.cross_entropy(logits, labels, reduction="none") * weights[batch]
            losses.mean().backward()
            optimizer.step()
            total += losses.sum().item()
        costs.append(total / weights.sum().item())
    seen: list[float] = []
    solver = SGD(2, 16, 0.3, drop_last=False, generator_state=Generator().manual_seed(3).get_state())
    state = minimize(solver, objective, theta, on_step=lambda step: seen.append(step.cost))
    assert seen == pytest.approx(costs, rel=1e-10)
    torch.testing.assert_close(state.theta, torch.cat([linear.weight, linear.bias[:, None]], 1).detach())


@pytest.mark.parametrize(("drop_last", "rows_seen"), [(True, 48), (False, 60)])
def test_an_incomplete_last_batch_is_dropped_if_asked(drop_last: bool, rows_seen: int) -> None:
    """With a learning rate of zero, the cost of an epoch is the mean loss of the rows it saw."""
    objective = small_objective()
    theta = random_theta(objective)
    generator = Generator().manual_seed(3)
    solver = SGD(1, 16, 0.0, drop_last=drop_last, generator_state=generator.get_state())
    state = minimize(solver, objective, theta)
    logits = objective.matrix.rows @ theta[:, :-1].T + theta[:, -1]
    losses = nn.functional.cross_entropy(logits, objective.matrix.labels, reduction="none")
    assert rows_seen <= len(losses)
    if drop_last:
        assert state.cost != pytest.approx(float(losses.mean()), rel=1e-9)
    else:
        assert state.cost == pytest.approx(float(losses.mean()), rel=1e-9)


def test_a_learning_rate_that_overflows_is_refused_and_one_too_large_is_said_so() -> None:
    objective = small_objective(l2=0.0)
    state = Generator().get_state()
    theta = random_theta(objective)
    with pytest.raises(SolverError, match="1e"):
        minimize(SGD(50, 60, 1e308, drop_last=True, generator_state=state), objective, theta)
    last = minimize(SGD(3, 2, 100.0, drop_last=True, generator_state=state), objective, theta)
    assert last.termination is not None
    assert last.termination.reason is TerminationReason.WORSE_THAN_GUESSING
