"""Arrays by name: which name means which images or labels of which part."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from softreg.data.forms.named_arrays import from_named_arrays, role_of
from softreg.data.forms.source import ReadOptions
from softreg.errors import DataError, SoftregWarning

X, Y = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8), np.array([0, 1, 2])


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("x_train", ("images", "train")),
        ("X_test", ("images", "test")),
        ("trainX", ("images", "train")),
        ("testY", ("labels", "test")),
        ("Xtrain", ("images", "train")),
        ("train_images", ("images", "train")),
        ("val_labels", ("labels", "val")),
        ("y", ("labels", "")),
        ("target", ("labels", "")),
        ("fea", ("images", "")),
        ("train_x_mean", None),
        ("history", None),
        ("ytrain", ("labels", "train")),
        ("trX", ("images", "train")),
        ("teY", ("labels", "test")),
    ],
)
def test_names(key: str, role: tuple[str, str] | None) -> None:
    assert role_of(key) == role


def test_training_and_test_arrays_with_names_of_classes() -> None:
    arrays = {"x_train": X, "y_train": Y, "x_val": X[1:], "y_val": Y[1:], "Target_Names": ["a", "b", "c"], "note": "?"}
    source = from_named_arrays(arrays, "digits", ReadOptions())
    assert source.train is not None
    assert source.test is not None
    assert np.array_equal(source.train.images.numpy(), X)
    assert np.array_equal(source.test.images.numpy(), X[1:])
    assert torch.equal(torch.as_tensor(source.test.labels), torch.from_numpy(Y[1:]))
    assert source.classes == ("a", "b", "c")
    assert source.test.where == "digits: y_val"


def test_test_comes_before_val() -> None:
    source = from_named_arrays(
        {"X": X, "y": Y, "X_val": X[:1], "y_val": Y[:1], "X_test": X[:2], "y_test": Y[:2]}, "digits", ReadOptions()
    )
    assert source.test is not None
    assert len(source.test.images) == 2


def test_labels_alone_are_no_images() -> None:
    with pytest.raises(DataError, match="no images among the arrays y;"):
        from_named_arrays({"y": Y}, "digits", ReadOptions())


def test_an_array_alone_is_images_whatever_its_name() -> None:
    part = from_named_arrays({"arr_0": X}, "digits", ReadOptions()).train
    assert part is not None
    assert part.labels is None
    assert np.array_equal(part.images.numpy(), X)


def test_arrays_without_names_are_told_apart_by_their_shapes() -> None:
    with pytest.warns(
        SoftregWarning, match="digits: by their shapes, arr_0, arr_2 are taken for images and arr_1, arr_3 for labels"
    ):
        source = from_named_arrays({"arr_0": X, "arr_1": Y, "arr_2": X[1:], "arr_3": Y[1:, None]}, "digits", ReadOptions())
    assert source.train is not None
    assert source.test is not None
    assert np.array_equal(source.train.images.numpy(), X)
    assert np.array_equal(source.test.images.numpy(), X[1:])
    assert torch.equal(torch.as_tensor(source.test.labels), torch.from_numpy(Y[1:]))


def test_images_whose_number_is_the_last_dimension() -> None:
    for images in (X.transpose(1, 2, 0), X.reshape(3, 64).T):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            part = from_named_arrays({"X": images, "y": Y}, "digits", ReadOptions()).train
        assert part is not None
        assert np.array_equal(part.images.numpy(), X)
        assert len(told) == (images.ndim == 2)  # rows and columns could be exchanged by mistake


def test_rows_take_the_size_asked_for() -> None:
    rows = np.arange(3 * 80, dtype=np.uint8).reshape(3, 80)
    part = from_named_arrays({"data": rows, "target": Y}, "digits", ReadOptions(size=(8, 10))).train
    assert part is not None
    assert np.array_equal(part.images.numpy(), rows.reshape(3, 8, 10))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": X, "b": Y[:2]}, "no images among the arrays a, b"),
        ({"a": X, "b": Y, "c": X}, "no images among the arrays a, b, c"),
        ({}, "no images among the arrays -"),
        ({"X": X, "y": Y[:2]}, "digits: y.*2 labels"),
        ({"X": X[:0], "y": Y[:0]}, "digits: X"),
    ],
)
def test_what_does_not_belong_together_is_refused(arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        from_named_arrays(arrays, "digits", ReadOptions())


@pytest.mark.parametrize("names", [("fine_train", "fine_test"), ("fine", "fine_test")])
def test_other_labels_are_named(names: tuple[str, str]) -> None:
    arrays = {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2], names[0]: Y + 5, names[1]: Y[:2] + 5}
    source = from_named_arrays(arrays, "digits", ReadOptions(label="Fine"))
    assert [part.labels.tolist() for part in (source.train, source.test) if part and torch.is_tensor(part.labels)] == [
        [5, 6, 7],
        [5, 6],
    ]
    with pytest.raises(DataError, match="no array coarse for the labels; the arrays are x_train, y_train"):
        from_named_arrays(arrays, "digits", ReadOptions(label="coarse"))
    usual = from_named_arrays(arrays, "digits", ReadOptions(label="coarse", strict=False)).train
    assert usual is not None
    assert torch.equal(torch.as_tensor(usual.labels), torch.from_numpy(Y))
