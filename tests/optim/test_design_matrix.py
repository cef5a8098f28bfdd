"""The design matrix: features as they are asked for, sums that depend on neither threads nor chunks nor shares."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

import softreg.data.memory_map
import softreg.optim.design_matrix
from softreg.data.folder import read_folder
from softreg.data.memory_map import copy_rows, is_mapped
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective
from softreg.recipe import Recipe
from softreg.training.fit import fit


def matrix(n: int = 1000, dtype: torch.dtype = torch.uint8) -> DesignMatrix:
    g = Generator().manual_seed(0)
    rows = torch.randint(0, 256, (n, 12), generator=g).to(dtype)
    return DesignMatrix(rows, torch.randint(0, 3, (n,), generator=g), scale=1 / 255)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rows_of_every_kind_give_the_same_features(dtype: torch.dtype) -> None:
    index = torch.tensor([5, 0, 999, 5])
    x, y = matrix(dtype=dtype).rows_at(index)
    assert x.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(x.float(), matrix().rows[index].float() / 255)
    assert y.equal(matrix().labels[index])


def test_features_are_centred_and_scaled_rows() -> None:
    scale, centre = torch.rand(12), torch.rand(12)
    x, _ = DesignMatrix(matrix().rows, matrix().labels, scale, centre).rows_at(torch.tensor([3]))
    torch.testing.assert_close(x, (matrix().rows[3:4].float() - centre) * scale)


def test_fold_gives_the_logits_and_unfold_is_its_transpose() -> None:
    g = Generator().manual_seed(1)
    theta, other, scale, centre = (
        torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((3, 13), (3, 13), (12,), (12,))
    )
    m = DesignMatrix(matrix(dtype=torch.float64).rows, matrix().labels, scale, centre)
    x, _ = m.rows_at(torch.arange(1000))
    folded = m.fold(theta)
    torch.testing.assert_close((m.rows - centre) @ folded[:, :-1].T + folded[:, -1], x @ theta[:, :-1].T + theta[:, -1])
    torch.testing.assert_close((folded * other).sum(), (theta * m.unfold(other)).sum())


def test_the_sum_is_the_same_on_one_thread_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(softreg.optim.design_matrix.BLOCK_NUMEL, "cpu", 12 * 64)
    objective = Objective(matrix(), 3, 0.1)
    theta = torch.randn(3, 13, generator=Generator().manual_seed(1))
    threads, answers = torch.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            answers.append(objective.value_and_gradient(theta))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    for value, gradient in answers[1:]:
        assert value == pytest.approx(answers[0][0], rel=1e-6)
        torch.testing.assert_close(gradient, answers[0][1], rtol=1e-6, atol=1e-8)


def test_unequal_shares_sum_to_the_whole() -> None:
    whole, shares = matrix(), (slice(0, 137), slice(137, 137), slice(137, 1000))  # one rank has nothing
    theta = torch.randn(3, 13, generator=Generator().manual_seed(1), dtype=torch.float64)
    barrier, box, answers = threading.Barrier(3, timeout=10), dict[int, Tensor](), dict[int, tuple[float, Tensor]]()

    def rank(number: int) -> None:
        def all_reduce(total: Tensor) -> None:
            box[number] = total.clone()
            barrier.wait()
            total.copy_(torch.stack([box[number] for number in range(3)]).sum(0))
            barrier.wait()

        share = DesignMatrix(whole.rows[shares[number]], whole.labels[shares[number]], whole.scale, all_reduce=all_reduce)
        answers[number] = Objective(share, 3, 0.1).value_and_gradient(theta)

    ranks = [threading.Thread(target=rank, args=(number,)) for number in range(3)]
    for thread in ranks:
        thread.start()
    for thread in ranks:
        thread.join()
    value, gradient = Objective(whole, 3, 0.1).value_and_gradient(theta)
    for number in range(3):
        assert answers[number][0] == pytest.approx(value, rel=1e-14)
        torch.testing.assert_close(answers[number][1], gradient, rtol=1e-12, atol=1e-15)


def test_every_other_row_is_a_view() -> None:
    m = matrix()
    half = m.strided(2)
    assert len(half) == 500
    assert half.rows.untyped_storage().data_ptr() == m.rows.untyped_storage().data_ptr()


@pytest.mark.parametrize("solver", ["sgd", "lbfgs", "newton"])
def test_a_mapped_folder_trains_the_same_bits_as_one_in_memory(solver: str, small_idx: Path) -> None:
    here, mapped = (read_folder(small_idx, "small", map_from=size).train for size in (1 << 30, 1))
    assert is_mapped(mapped.images)
    assert not is_mapped(here.images)
    recipe = Recipe(solver="sgd", epochs=2) if solver == "sgd" else Recipe(solver=solver, l2=1e-2)
    assert fit(recipe, here).model.linear.weight.equal(fit(recipe, mapped).model.linear.weight)


def test_every_fourth_row_is_the_same_whatever_the_shares() -> None:
    whole = matrix()
    wanted = whole.strided(4)
    for first, end in ((0, 401), (401, 402), (402, 402), (403, 1000)):
        share = replace(whole, rows=whole.rows[first:end], labels=whole.labels[first:end], row_offset=first).strided(4)
        assert share.rows.equal(wanted.rows[share.row_offset : share.row_offset + len(share)])
        assert len(share) == len(range(-first % 4, end - first, 4))


def gathered(m: DesignMatrix, order: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """All that `gather_batches` of 100 yields, put together."""
    found = [(rows.clone(), labels, sizes) for rows, labels, sizes in m.gather_batches(order, 100)]
    return torch.cat([rows for rows, _, _ in found]), torch.cat([y for _, y, _ in found]), [n for _, _, here in found for n in here]


@pytest.mark.parametrize("numbers", [1, 12 * 250, 2**22])
def test_batches_are_gathered_in_order_and_shared_out_without_a_row_lost(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(softreg.optim.design_matrix.PREFETCH_NUMEL, False, numbers)
    whole, order = matrix(), torch.randperm(1000, generator=Generator().manual_seed(3))[:950]
    rows, y, sizes = gathered(whole, order)
    assert rows.equal(whole.rows[order])
    assert y.equal(whole.labels[order])
    assert sizes == [100] * 9 + [50]
    parts = [
        replace(whole, rows=whole.rows[a:b], labels=whole.labels[a:b], row_offset=a) for a, b in ((0, 137), (137, 137), (137, 1000))
    ]
    shares = [gathered(part, order) for part in parts]
    assert [sum(here) for here in zip(*(sizes for _, _, sizes in shares), strict=True)] == sizes
    torch.testing.assert_close(sum(share.double().sum(0) for share, _, _ in shares), rows.double().sum(0))


@pytest.mark.parametrize("held", [1, 7 * 784, 2**26])
def test_rows_of_a_mapped_file_come_in_the_order_asked_for(held: int, small_idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softreg.data.memory_map, "RELEASE_BYTES", held)
    here, mapped = (read_folder(small_idx, "small", map_from=size).train for size in (1 << 30, 1))
    index = torch.randint(0, len(here), (321,), generator=Generator().manual_seed(1))
    rows, y = DesignMatrix(mapped.images.flatten(1), mapped.labels).gather(index)
    assert rows.equal(here.images.flatten(1)[index])
    assert y.equal(here.labels[index])
    every_third = copy_rows(mapped.images.flatten(1)[1::3], torch.empty(len(here.images[1::3]), 784))
    assert every_third.equal(here.images.flatten(1)[1::3].float())


@pytest.mark.parametrize("rows", [1, 7, 400, 999, 1000, 5000])
def test_a_sample_is_spread_over_all_rows_and_both_of_two_that_take_turns(rows: int) -> None:
    turns = replace(matrix(), labels=torch.arange(1000))
    sample = turns.sample(rows)
    assert 0 < len(sample) <= rows
    assert len(sample) > rows / 3 - 1 or len(sample) == 1000
    odd = (sample.labels % 2).sum()
    assert abs(2 * int(odd) - len(sample)) <= 1
