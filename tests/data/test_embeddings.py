"""Rows of numbers that are embeddings are told from rows of pixels, and checked."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softreg.data import embeddings
from softreg.data.dataset import MAX_SIDE, Dataset
from softreg.data.embeddings import are_embeddings, check_are_images, to_embeddings
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, SoftregWarning

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(6, 64)).astype(np.float32)


def rows_with(*numbers: float) -> NDArray[np.float32]:
    """Rows of 8 x 8 numbers, zeros but for these."""
    return np.array([*numbers, *[0] * (2 * 64 - len(numbers))], np.float32).reshape(2, 64)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (NORMAL, True),  # a square of numbers that are no pixels
        (np.abs(NORMAL[:, :30]) / 10, True),  # a range of pixels, but no square
        (RNG.random((6, 16)), True),  # squares of 4 x 4 are no images
        (RNG.random((6, 64)), False),
        (2 * RNG.random((6, 64)) - 1, False),
        (RNG.integers(0, 256, (6, 64)).astype(np.float32), False),
        (RNG.integers(0, 256, (6, 63), dtype=np.uint8), False),
        (RNG.normal(size=(6, 8, 8)), False),
        (torch.from_numpy(NORMAL).bfloat16(), True),
        (torch.from_numpy(NORMAL).half(), True),
        (np.empty((0, 64)), False),
        (NORMAL[:1], True),
        (rows_with(-1, 1, 0.5), False),  # the ends of the ranges that pixels have, and just beyond them
        (rows_with(-1.5, 1, 0.5), True),
        (rows_with(-1, 1.5, 0.5), True),
        (rows_with(-0.5, 3, 0.5), True),
        (rows_with(0, 255, 7), False),
        (rows_with(0, 256, 7), True),
        (rows_with(-1, 255, 7), True),
        (rows_with(0, 255, 7.5), True),
        (np.full((1, MAX_SIDE**2), 0.5), False),
        (np.concatenate([np.zeros((900, 64)), NORMAL]), True),
        (np.full((1, (MAX_SIDE + 1) ** 2), 0.5), True),
    ],
)
def test_the_numbers_tell_embeddings_from_pixels(array: Any, expected: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert are_embeddings(array, "x", "a.npz", wanted=None) is expected
    told = [str(warning.message) for warning in caught]
    assert len(told) == (expected and getattr(array, "dtype", None) != torch.bfloat16)
    assert all("rows of" in line and line.startswith("a.npz") for line in told)


def test_names_and_options_tell_without_a_warning() -> None:
    assert are_embeddings(RNG.random((6, 64)), "embeddings", "a.npz", wanted=None)
    assert are_embeddings(RNG.random((6, 64)), "x", "a.npz", wanted=True)
    assert not are_embeddings(NORMAL, "x", "a.npz", wanted=False)
    assert not are_embeddings(NORMAL, "x", "a.npz", wanted=None, size=(4, 16))


@given(st.sampled_from(["f2", "f4", "f8", ">f4", "i1", "u2"]), st.sampled_from("CF"), st.integers(0, 2**32))
def test_numbers_keep_their_values(dtype: str, order: Any, seed: int) -> None:
    numbers = np.asarray(np.random.default_rng(seed).integers(0, 100, (5, 7)), dtype=dtype, order=order)
    numbers.flags.writeable = False  # as those of a file may be
    rows = to_embeddings(numbers, "a.npy")
    assert rows.is_contiguous()
    assert rows.dtype == (torch.float16 if dtype == "f2" else torch.float32)
    np.testing.assert_array_equal(rows.numpy(), numbers.astype(np.float32))


def test_bfloat16_is_what_numpy_has_no_name_for() -> None:
    rows = torch.from_numpy(NORMAL).bfloat16()
    nameless = rows.view(torch.int16).numpy().view("V2")
    assert are_embeddings(nameless, "x", "a.npy", wanted=None)
    assert torch.equal(to_embeddings(nameless, "a.npy"), rows)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_mapped_array_stays_in_its_file(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "x.npy", NORMAL.astype(dtype))
    rows = to_embeddings(np.load(tmp_path / "x.npy", mmap_mode="r"), "x.npy")
    assert is_mapped(rows)
    np.testing.assert_array_equal(rows.numpy(), NORMAL.astype(dtype))
    whole = Dataset(rows, torch.arange(6) % 2, ("a", "b"), "x")
    assert whole.sha256() == Dataset(rows.clone(), torch.arange(6) % 2, ("a", "b"), "x").sha256()


@pytest.mark.parametrize(("bad", "key"), [(np.nan, "not_finite"), (np.inf, "not_finite"), (-2e18, "not_finite")])
def test_the_row_that_is_not_finite_is_named(bad: float, key: str) -> None:
    rows = NORMAL.copy()
    rows[4, 3] = bad
    with pytest.raises(DataError, match="row 4") as caught:
        to_embeddings(rows, "a.npy")
    assert caught.value.key == f"embeddings.{key}"
    rows[4, 3] = -9e17
    assert float(to_embeddings(rows, "a.npy").min()) == rows[4, 3]


def test_the_row_is_counted_over_all_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "pieces", lambda rows: rows.split(2))
    rows = NORMAL.copy()
    rows[5, 3] = np.nan
    with pytest.raises(DataError) as caught:
        to_embeddings(rows, "a.npz")
    assert caught.value.params["index"] == 5


def test_a_tensor_is_taken_as_it_is_in_rows_that_lie_together() -> None:
    rows = torch.from_numpy(NORMAL)
    assert to_embeddings(rows, "a tensor") is rows
    turned = to_embeddings(rows.T, "a tensor")
    assert torch.equal(turned, rows.T)
    assert turned.is_contiguous()


@pytest.mark.parametrize("name", ["embeddings", "embedding", "emb", "vectors", "vector"])
def test_these_names_are_only_given_to_embeddings(name: str) -> None:
    assert are_embeddings(RNG.integers(0, 256, (6, 64)).astype(np.float32), name, "a.npz", wanted=None)


@pytest.mark.parametrize("array", [NORMAL[0], NORMAL[None], np.array([["a", "b"]]), np.empty((3, 0), np.float32)])
def test_what_are_no_rows_is_refused(array: Any) -> None:
    with pytest.raises(DataError, match=r"a\.npy: embeddings must be"):
        to_embeddings(array, "a.npy")


def test_a_dataset_may_hold_embeddings() -> None:
    data = Dataset(torch.from_numpy(NORMAL).bfloat16(), torch.arange(6) % 3, ("a", "b", "c"), "rows")
    assert data.image_shape == (64,)
    assert data[torch.tensor([5, 1])].images.equal(data.images[[5, 1]])
    with pytest.raises(DataError, match="embeddings must be"):
        Dataset(torch.from_numpy(NORMAL).double(), torch.arange(6) % 3, ("a", "b", "c"), "rows")
    with pytest.raises(DataError, match="rows: images are needed here"):
        check_are_images(data.image_shape, data.name)
    check_are_images((28, 28), "mnist")


def test_a_warning_is_an_error_here() -> None:
    with pytest.raises(SoftregWarning, match="64 numbers"):
        are_embeddings(NORMAL, "x", "a.npz", wanted=None)
