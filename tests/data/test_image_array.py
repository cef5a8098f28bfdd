"""Images and labels in arrays of every layout and type against the pixels they were made of."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.datasets import load_digits
from torchvision.transforms.functional import normalize, to_tensor

from softreg.data.image_array import rows_to_images, to_images, to_labels
from softreg.errors import DataError, SoftregWarning

RNG = np.random.default_rng(11)
GREY, COLOUR = (RNG.integers(0, 256, shape, dtype=np.uint8) for shape in ((5, 9, 9), (5, 9, 9, 3)))


@pytest.mark.parametrize(
    ("array", "pixels"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (GREY.reshape(5, 81), GREY),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(float), GREY),
        (GREY > 127, 255 * (GREY > 127)),
    ],
)
def test_every_layout_holds_the_same_pixels(array: Any, pixels: Any) -> None:
    images = to_images(array, "X")
    assert images.dtype == torch.uint8
    assert np.array_equal(images.numpy(), pixels)


def test_what_torchvision_makes_of_a_picture_is_undone() -> None:
    for pixels in (*GREY, *COLOUR):
        tensor = to_tensor(pixels)
        assert np.array_equal(to_images(tensor[None].numpy(), "X")[0].numpy(), pixels)
        signed = normalize(tensor, [0.5] * len(tensor), [0.5] * len(tensor))
        with pytest.warns(SoftregWarning, match="-1"):
            assert np.array_equal(to_images(signed[None].numpy(), "X")[0].numpy(), pixels)


def test_scikit_learns_digits_count_ink_to_16() -> None:
    digits = load_digits()
    with pytest.warns(SoftregWarning, match="16"):
        images = to_images(digits.data, "X")
    assert np.array_equal(images.numpy(), np.rint(digits.images * 255 / 16))


def test_rows_that_are_not_square_need_a_size() -> None:
    rows = GREY.reshape(5, 81)[:, :72]
    assert np.array_equal(to_images(rows, "X", (8, 9)).numpy(), rows.reshape(5, 8, 9))
    with pytest.raises(DataError, match="X: rows of pixels"):
        to_images(rows, "X")


@pytest.mark.parametrize("planar", [False, True])
def test_rows_of_colour_tell_whether_all_red_comes_first(planar: bool) -> None:
    ramp = np.arange(81, dtype=np.uint8).reshape(9, 9).T  # neighbours in a column are alike
    images = np.stack([np.stack([ramp, 255 - ramp, 100 + ramp], axis=2)] * 5)
    rows = (images.transpose(0, 3, 1, 2) if planar else images).reshape(5, 243)
    with pytest.warns(SoftregWarning, match="X: "):
        assert np.array_equal(rows_to_images(rows, (9, 9, 3), "X"), images)


@pytest.mark.parametrize("array", [GREY - 300.0, GREY * 2.0 + 1, GREY + 0.25, np.full((2, 9, 9), np.nan), GREY.astype(str)])
def test_other_ranges_are_refused(array: Any) -> None:
    with pytest.raises(DataError, match="X: "):
        to_images(array, "X")


@given(arrays(np.int64, array_shapes(min_dims=1, max_dims=1, min_side=1), elements=st.integers(-(2**52), 2**52)))
def test_whole_numbers_stay(labels: Any) -> None:
    for form in (labels, labels[:, None], labels.astype(float)):
        assert np.array_equal(to_labels(form, "y"), labels)


def test_one_hot_rows_are_numbers() -> None:
    labels = RNG.integers(0, 4, 20)
    for dtype in (np.uint8, np.float32, bool):
        assert np.array_equal(to_labels(np.eye(4, dtype=dtype)[labels], "y"), labels)


def test_names_stay_names() -> None:
    assert to_labels(np.array(["가", "b"]), "y") == ["가", "b"]
    assert to_labels(np.array(["가".encode(), b"b"]), "y") == ["가", "b"]
    with pytest.raises(DataError, match="y: cannot be read: UTF-8"):
        to_labels(np.array([b"a", b"\xff"]), "y")


@pytest.mark.parametrize("labels", [[0.5], [np.nan], [np.inf], [1e300], [[1, 1]], [1j]])
def test_labels_that_are_none_are_refused(labels: Any) -> None:
    with pytest.raises(DataError, match="y: label"):
        to_labels(np.array(labels), "y")
