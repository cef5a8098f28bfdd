"""The preconditioner against NumPy: each class's block of the Hessian, solved."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.optim.solvers import preconditioner
from softreg.optim.solvers.preconditioner import precondition
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


def by_blocks(objective: Objective, theta: Tensor, gradient: Tensor) -> NDArray[np.float64]:
    """NumPy's solution with the diagonal blocks of autograd's Hessian, shifted to sum to zero over classes."""
    hessian, size = dense_hessian(objective, theta).numpy(), theta.shape[1]
    blocks = [hessian[c * size : (c + 1) * size, c * size : (c + 1) * size] for c in range(len(theta))]
    direction: NDArray[np.float64] = np.stack(
        [np.linalg.solve(block, row) for block, row in zip(blocks, gradient.numpy(), strict=True)]
    )
    centred: NDArray[np.float64] = direction - direction.mean(0)
    return centred


def on_two_ranks(task: Callable[[int, Callable[[Tensor], None]], Tensor]) -> list[Tensor]:
    """What each of two threads returns, given its rank and a sum over both."""
    barrier, given, returned = Barrier(2), dict[int, Tensor](), dict[int, Tensor]()

    def run(rank: int) -> None:
        def all_reduce(total: Tensor) -> None:
            given[rank] = total.clone()
            barrier.wait(30)
            total.copy_(given[0] + given[1])
            barrier.wait(30)

        returned[rank] = task(rank, all_reduce)

    threads = [Thread(target=run, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [returned[rank] for rank in range(2)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("classes", "l2"), [(3, 0.0), (3, 0.3), (2, 0.3)])
def test_with_few_rows_it_is_the_blocks_of_the_hessian(
    weighted: bool, classes: int, l2: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditioner, "PANEL_WIDTH", 3)  # of four columns
    objective = small_objective(c=classes, weighted=weighted, l2=l2)  # fewer rows than would be sampled
    theta, gradient = random_theta(objective), random_theta(objective, 1)
    found = precondition(objective, theta).solve(gradient).numpy()
    np.testing.assert_allclose(found, by_blocks(objective, theta, gradient), rtol=1e-6)


def test_at_zero_one_block_serves_every_class() -> None:
    objective = small_objective()
    theta, gradient = torch.zeros(3, 5, dtype=torch.float64), random_theta(objective, 1)
    made = precondition(objective, theta)
    assert len(made.factor) == 1
    np.testing.assert_allclose(made.solve(gradient).numpy(), by_blocks(objective, theta, gradient), rtol=1e-6)


@pytest.mark.parametrize("at_zero", [True, False])
def test_solves_repeated_by_the_inverse_are_the_same(at_zero: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "SMALL", 4)
    objective = small_objective()
    theta, gradient = random_theta(objective) * (not at_zero), random_theta(objective, 1)
    made = precondition(objective, theta)
    solve = made.repeated_solve()
    for _ in range(preconditioner.WORTH_INVERTING - 1):
        solve(gradient)
    assert "inverse" not in vars(made)  # nothing is inverted for a few solves
    torch.testing.assert_close(solve(gradient), made.solve(gradient), rtol=1e-6, atol=1e-9)
    assert "inverse" in vars(made)


def test_where_even_one_block_is_too_large_it_is_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", 10)
    objective = small_objective()
    theta, gradient = torch.zeros(3, 5, dtype=torch.float64), random_theta(objective, 1)
    diagonal = dense_hessian(objective, theta).diagonal().view(3, 5)
    wanted = gradient / diagonal
    torch.testing.assert_close(precondition(objective, theta).solve(gradient), wanted - wanted.mean(0), rtol=1e-6, atol=0)


def test_a_sample_comes_near_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = small_objective(n=6000)
    theta, gradient = random_theta(objective), random_theta(objective, 1)
    found = precondition(objective, theta).solve(gradient)
    wanted = torch.from_numpy(by_blocks(objective, theta, gradient))
    assert 0 < float((found - wanted).norm() / wanted.norm()) < 0.2


def test_a_block_that_rounding_made_indefinite_is_made_definite() -> None:
    rows = torch.ones(50, 6) * torch.arange(1.0, 7)  # rank one, no penalty
    objective = Objective(DesignMatrix(rows, torch.arange(50) % 2), 2, 0.0)
    assert precondition(objective, torch.zeros(2, 7)).solve(torch.ones(2, 7) * torch.tensor([[1.0], [-1.0]])).isfinite().all()


def blocks_of(hessian: Tensor, classes: int) -> Tensor:
    """The diagonal blocks (C, D + 1, D + 1) of a Hessian."""
    size = len(hessian) // classes
    return torch.stack([hessian[first : first + size, first : first + size] for first in range(0, len(hessian), size)])


@pytest.mark.parametrize("at_zero", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_samples_are_right_in_the_mean(weighted: bool, at_zero: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 196 samples of about 50 of 300 rows each, to four standard errors."""
    monkeypatch.setattr(preconditioner, "SAMPLE_SIZE", 50)
    sizes: list[int] = []

    def counted(x: Tensor, root: Tensor, gram: Callable[[Tensor, Tensor], Tensor] = preconditioner._gram) -> Tensor:
        sizes.append(len(x))
        return gram(x, root)

    monkeypatch.setattr(preconditioner, "_gram", counted)
    objective = small_objective(n=300, weighted=weighted)
    if objective.matrix.weights is not None:
        objective.matrix.weights[:3] *= 30  # these are always sampled
    theta = random_theta(objective) * (not at_zero)
    exact = blocks_of(dense_hessian(objective, theta), 3)
    made = torch.stack([precondition(objective, theta, seed).factor for seed in range(196)])  # (196, K, 5, 5)
    found = made @ made.mT
    error = found.std(0) / 14
    assert ((found.mean(0) - exact[: found.shape[1]]).abs() <= 4 * error + 1e-7).all()
    assert np.mean(sizes) == pytest.approx(50, rel=0.06)  # a few less where rows are certain to be taken


@pytest.mark.parametrize("at_zero", [False, True])
def test_of_very_many_features_every_so_many_rows_give_the_diagonal(at_zero: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", 10)
    monkeypatch.setattr(preconditioner, "SAMPLE_SIZE", 200)
    objective = replace(small_objective(n=1000, weighted=True), feature_penalty=torch.tensor([1.0, 2.0, 3.0, 4.0]).double())
    theta = random_theta(objective) * (not at_zero)
    x, weights = objective.matrix.rows.numpy(), objective.matrix.weights
    assert weights is not None
    p = softmax(x @ theta[:, :-1].numpy().T + theta[:, -1].numpy(), axis=1)
    curvature = (p * (1 - p)).mean(1) * weights.numpy()  # (N,)
    rows = np.column_stack([x, np.ones(1000)])[::5]
    wanted = 5 / float(weights.sum()) * (curvature[::5] @ rows**2) + 0.1 * np.array([1, 2, 3, 4, 0])
    found = precondition(objective, theta).factor
    np.testing.assert_allclose(found.numpy(), wanted[None], rtol=1e-12)


def test_without_a_bias_the_blocks_are_those_of_the_weights_and_no_step_moves_it() -> None:
    objective = replace(small_objective(), fit_intercept=False, feature_penalty=torch.tensor([1.0, 2.0, 3.0, 4.0]).double())
    theta = random_theta(objective)
    theta[:, -1] = 0
    gradient = random_theta(objective, 1)
    gradient[:, -1] = 0
    hessian = blocks_of(dense_hessian(replace(objective, l2=0.0), theta), 3)[:, :-1, :-1]
    hessian += 0.1 * torch.tensor([1.0, 2.0, 3.0, 4.0]).double().diag()
    wanted = torch.linalg.solve(hessian, gradient[:, :-1])
    found = precondition(objective, theta).solve(gradient)
    torch.testing.assert_close(found[:, :-1], wanted - wanted.mean(0), rtol=1e-6, atol=1e-9)
    assert not found[:, -1].any()


@pytest.mark.parametrize("at_zero", [False, True])
def test_the_diagonal_of_a_rare_column_is_that_of_all_rows(at_zero: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "SAMPLE_SIZE", 50)
    objective = small_objective(n=300, l2=0.0)
    objective.matrix.rows[:, 1] = 0
    objective.matrix.rows[7, 1] = 1e-2
    theta = random_theta(objective) * (not at_zero)
    exact = blocks_of(dense_hessian(objective, theta), 3).diagonal(dim1=1, dim2=2)[:, 1]
    largest = float(blocks_of(dense_hessian(objective, theta), 3).diagonal(dim1=1, dim2=2)[:, :-1].max())
    for seed, l2 in enumerate((0.0, 0.0, 0.0, 3e-6 * largest)):
        factor = precondition(replace(objective, l2=l2), theta, seed).factor
        found = (factor @ factor.mT)[:, 1, 1] - l2
        assert (found >= (1 - 1e-3) * exact[: len(factor)]).all()
        assert (found <= 100 * exact[: len(factor)]).all()
    strong = replace(objective, l2=3e-5 * largest)  # its steps are short anyway: no pass is spent on it
    found = torch.stack([precondition(strong, theta, seed).factor for seed in range(20)])
    assert float(((found @ found.mT)[:, :, 1, 1] - strong.l2).amin()) < 0.1 * float(exact.min())


@pytest.mark.parametrize("numel", [75, 10])  # room for blocks, or for the diagonal alone
def test_two_ranks_have_the_preconditioner_of_one(numel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "SAMPLE_SIZE", 50)
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", numel)
    whole = small_objective(n=300, weighted=True)
    theta = random_theta(whole)

    def shard(rank: int, all_reduce: Callable[[Tensor], None]) -> Objective:
        first, end = (0, 110) if rank == 0 else (110, 300)
        return replace(whole, matrix=replace(whole.matrix.slice(first, end), row_offset=first, all_reduce=all_reduce))

    made = on_two_ranks(lambda rank, all_reduce: precondition(shard(rank, all_reduce), theta).factor)
    for factor in made:
        torch.testing.assert_close(factor, precondition(whole, theta).factor, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "by_inverse"), [(4, False), (5, True)])
def test_a_small_block_is_inverted_at_once(size: int, by_inverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioner, "SMALL", size)
    objective = small_objective()  # 5 x 5 blocks
    made = precondition(objective, random_theta(objective))
    gradient = random_theta(objective, 1).float()
    found = made.repeated_solve()(gradient)
    assert ("inverse" in vars(made)) == by_inverse
    assert found.dtype == made.solve(gradient).dtype == torch.float32
    torch.testing.assert_close(found, made.solve(gradient), rtol=1e-5, atol=1e-7)


def test_a_column_of_zeros_without_a_penalty_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = small_objective(l2=0.0)
    objective.matrix.rows[:, 2] = 0
    theta, gradient = random_theta(objective), random_theta(objective, 1)
    gradient[:, 2] = 0
    found, others = precondition(objective, theta).solve(gradient), [0, 1, 3, 4]
    hessian = blocks_of(dense_hessian(objective, theta), 3)[:, others][:, :, others]
    wanted = torch.linalg.solve(hessian, gradient[:, others])
    torch.testing.assert_close(found[:, others], wanted - wanted.mean(0), rtol=1e-6, atol=1e-9)
    assert not found[:, 2].any()
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", 10)  # nor is it by the diagonal
    by_diagonal = precondition(objective, theta).solve(gradient)
    assert by_diagonal.isfinite().all()
    assert not by_diagonal[:, 2].any()


def test_a_column_of_little_is_lifted_by_little() -> None:
    """Two columns that differ by 1e7, and one twice, without a penalty: each block is singular."""
    objective = small_objective(l2=0.0)
    objective.matrix.rows[:, 0] *= 1e-4
    objective.matrix.rows[:, 1] *= 1e3
    objective.matrix.rows[:, 2] = objective.matrix.rows[:, 3]
    theta = random_theta(objective) * 1e-3
    hessian = blocks_of(dense_hessian(objective, theta), 3)
    factor = precondition(objective, theta).factor
    torch.testing.assert_close(factor @ factor.mT, hessian, rtol=1e-9, atol=1e-13)
    assert factor.isfinite().all()


@pytest.mark.parametrize(
    ("dim", "classes", "rows"),
    [(784, 10, 2000), (784, 40, 2000), (300, 400, 600), (300, 80, 1000), (5000, 10, 10_000), (11_000, 10, 12_201), (0, 2, 2000)],
)
def test_two_thousand_rows_are_sampled_or_twice_the_features_and_fewer_for_many_classes(dim: int, classes: int, rows: int) -> None:
    objective = Objective(DesignMatrix(torch.zeros(1, dim), torch.zeros(1).long()), classes, 0.0)
    assert preconditioner._sample_size(objective) == rows


@pytest.mark.parametrize(
    ("numel", "wide", "at_zero", "shape", "is_mean"),
    [
        (75, 15, False, (3, 5, 5), False),
        (74, 15, False, (1, 5, 5), True),  # no room for three blocks of 25 numbers
        (74, 16, False, (1, 5, 5), False),
        (75, 15, True, (1, 5, 5), False),  # where one is exact
        (13, 15, False, (1, 5, 5), True),
        (12, 15, False, (1, 5), True),  # nor for half of one
    ],
)
def test_as_many_blocks_as_there_is_room_for(
    numel: int, wide: int, at_zero: bool, shape: tuple[int, ...], is_mean: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditioner, "MAX_NUMEL", numel)
    monkeypatch.setattr(preconditioner, "WIDE_NUMEL", wide)
    objective = small_objective()
    made = precondition(objective, random_theta(objective) * (not at_zero))
    assert (made.factor.shape, made.is_mean) == (shape, is_mean)


@pytest.mark.parametrize(("candidates", "probabilities", "step"), [(100, 2**25, 3), (2**17, 190, 5), (2**17, 2**25, 1)])
def test_rows_are_sampled_from_every_so_many(
    candidates: int, probabilities: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditioner, "MAX_CANDIDATES", candidates)
    monkeypatch.setattr(preconditioner, "MAX_PROBABILITIES", probabilities)  # of three classes
    objective = small_objective(n=300, weighted=True)
    theta = random_theta(objective)
    factor = precondition(objective, theta).factor
    exact = blocks_of(dense_hessian(replace(objective, matrix=objective.matrix.strided(step)), theta), 3)
    torch.testing.assert_close(factor @ factor.mT, exact, rtol=1e-9, atol=1e-12)
