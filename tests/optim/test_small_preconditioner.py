"""Preconditioners of small problems: inverses of the Hessian's own blocks, as torch has it."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from softreg.optim import small_preconditioner
from softreg.optim.small_preconditioner import at_zero, class_blocks
from softreg.optim.small_problem import SmallProblem

pytestmark = pytest.mark.usefixtures("one_thread")
L2 = 0.05


def problem(classes: int, *, fit_intercept: bool = True, n: int = 80) -> SmallProblem:
    rng = np.random.default_rng(0)
    y = np.arange(n, dtype=np.int64) % classes
    return SmallProblem(rng.normal(size=(n, 4)) + 0.3, y, classes, L2, None, fit_intercept=fit_intercept, in_place=True)


def blocks_by_torch(p: SmallProblem, theta: NDArray[Any]) -> list[NDArray[Any]]:
    """The diagonal blocks (D + 1, D + 1) of the Hessian at theta (K, D + 1), by autograd."""
    x = torch.from_numpy(np.column_stack([p.z - p.centre, np.full(len(p.z), float(p.fit_intercept))]))
    labels = torch.from_numpy(p.labels)

    def objective(flat: torch.Tensor) -> torch.Tensor:
        rows = flat.reshape(theta.shape)
        logits = x @ rows.T
        logits = logits if p.k > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
        return torch.nn.functional.cross_entropy(logits, labels) + float(p.penalty[0]) / 2 * rows[:, :-1].square().sum()

    hessian = torch.autograd.functional.hessian(objective, torch.from_numpy(theta.reshape(-1))).numpy()
    width = theta.shape[1]
    return [hessian[c * width : (c + 1) * width, c * width : (c + 1) * width] for c in range(len(theta))]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_class_gets_the_inverse_of_its_block(classes: int, fit_intercept: bool) -> None:
    p = problem(classes, fit_intercept=fit_intercept)
    theta, gradient = np.random.default_rng(1).normal(size=(2, p.k, 5))
    if not fit_intercept:
        theta[:, -1] = gradient[:, -1] = 0
    _, probabilities = p.loss_and_probabilities(p.logits(theta))
    expected = np.stack([np.linalg.pinv(block) @ row for block, row in zip(blocks_by_torch(p, theta), gradient, strict=True)])
    expected = expected if p.k == 1 else expected - expected.mean(0)
    np.testing.assert_allclose(class_blocks(p, probabilities)(gradient), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_at_zero_it_is_newtons_direction(classes: int) -> None:
    p = problem(classes)
    gradient = np.random.default_rng(1).normal(size=(p.k, 5))
    block = blocks_by_torch(p, np.zeros((p.k, 5)))[0]
    if classes > 2:  # where a direction sums to zero over classes, the whole Hessian is 1 / C times the Gram matrix
        block[:-1, :-1] -= np.eye(4) * L2
        block *= 1 / classes / (1 / classes - 1 / classes**2)
        block[:-1, :-1] += np.eye(4) * L2
    np.testing.assert_allclose(at_zero(p)(gradient), gradient @ np.linalg.inv(block), rtol=1e-6)


def test_of_many_features_it_is_a_diagonal_that_varies_less_than_the_hessians(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(2)
    monkeypatch.setattr(small_preconditioner, "MAX_SHARED", 3)
    hessian = blocks_by_torch(p, np.zeros((1, 5)))[0].diagonal()
    found = 1 / at_zero(p)(np.ones((1, 5)))[0]
    assert np.all(np.argsort(found[:4]) == np.argsort(hessian[:4]))
    assert np.ptp(found[:4]) < np.ptp(hessian[:4])
    assert found[:4].mean() == pytest.approx(hessian[:4].mean(), rel=0.05)
    assert found[4] == pytest.approx(hessian[4])


@pytest.mark.parametrize("limit", ["MAX_PRODUCTS", "MAX_NUMEL"])
@pytest.mark.parametrize("classes", [2, 3])
def test_of_many_rows_some_are_enough(classes: int, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(classes, n=5000)
    theta, gradient = np.random.default_rng(1).normal(size=(2, p.k, 5))
    _, probabilities = p.loss_and_probabilities(p.logits(theta))
    whole = class_blocks(p, probabilities)(gradient)
    monkeypatch.setattr(small_preconditioner, limit, 1000 * 16)
    np.testing.assert_allclose(class_blocks(p, probabilities)(gradient), whole, rtol=0.3, atol=0.3 * np.abs(whole).max())


def test_where_all_rows_are_certain_only_the_penalty_bends_the_objective() -> None:
    p = problem(3)
    certain = np.eye(3)[np.arange(80) % 3].T  # (K, N)
    gradient = np.random.default_rng(4).normal(size=(3, 5))
    gradient[:, -1] = 0  # of the biases
    gradient -= gradient.mean(0)
    np.testing.assert_allclose(class_blocks(p, certain)(gradient), gradient / np.append(np.full(4, L2), 1), rtol=1e-6)
