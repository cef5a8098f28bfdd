"""Arrays for tensors, and tensors for arrays: of the type of what was asked with."""

import numpy as np
import pytest
import torch

from softreg.compute.array_types import as_array, like


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_a_tensor_becomes_an_array_of_the_same_numbers(dtype: torch.dtype) -> None:
    tensor = torch.tensor([1, 2], dtype=dtype, requires_grad=dtype.is_floating_point)
    np.testing.assert_array_equal(as_array(tensor), [1, 2])
    assert torch.from_numpy(as_array(tensor)).dtype == dtype


def test_bfloat16_becomes_float32() -> None:
    array = as_array(torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [1.5, -2.0])


def test_what_is_no_tensor_stays_as_it_is() -> None:
    rows = [[1.0]]
    assert as_array(rows) is rows
    answer = np.ones(1)
    assert like(rows, answer) is answer


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (torch.float32, np.float64, torch.float32),
        (torch.float32, np.int64, torch.int64),
        (torch.int64, np.float64, torch.float64),
        (torch.float64, np.bool_, torch.bool),
    ],
)
def test_answers_are_of_the_type_of_a_floating_question(asked: torch.dtype, answer: type, expected: torch.dtype) -> None:
    assert like(torch.ones(1, dtype=asked), np.ones(1, answer)).dtype == expected


def test_names_stay_an_array() -> None:
    names = np.array(["cat"])
    assert like(torch.ones(1), names) is names
