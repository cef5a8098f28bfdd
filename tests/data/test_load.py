"""A dataset by its name or its folder, and images held out from it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.dataset import Splits
from softreg.data.load import load_dataset, load_labelled, load_splits, stream_images
from softreg.errors import DataError, RecipeError


def test_neither_name_nor_folder(tmp_path: Path) -> None:
    for name in ("nist", str(tmp_path / "none"), "", "a" * 300):
        with pytest.raises(DataError, match="softreg data"):
            load_dataset(name)


def test_a_folder_is_read_where_no_dataset_has_its_name(small_idx: Path) -> None:
    splits = load_dataset(small_idx)
    assert (len(splits.train), len(splits.test)) == (3000, 500)
    assert splits.train.name == str(small_idx)


def test_images_are_held_out_in_place_of_the_test_images(small_idx: Path) -> None:
    whole, split = load_splits(str(small_idx)), load_splits(str(small_idx), 400)
    assert (len(whole.train), len(whole.test)) == (3000, 500)
    assert (len(split.train), len(split.test)) == (2600, 400)
    assert torch.equal(torch.cat([split.train.images, split.test.images]), whole.train.images)


@pytest.mark.parametrize("count", [3000, 3001])
def test_something_must_be_left_to_learn_from(count: int, small_idx: Path) -> None:
    with pytest.raises(RecipeError, match=r"3,?000"):
        load_splits(str(small_idx), count)


def test_images_to_evaluate_on_are_the_test_images_or_all_of_one_part(
    mnist: Splits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("softreg.data.load.load_dataset", lambda name: mnist)  # read already
    assert load_labelled("mnist", mnist.test.classes) is mnist.test
    (part,) = stream_images("mnist")
    assert part.images is mnist.test.images
    x, y = mnist.test.images[:4].numpy(), mnist.test.labels[:4].numpy()
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:3])
    assert load_labelled(tmp_path / "a.npz", mnist.test.classes).labels.tolist() == y.tolist()
    np.savez(tmp_path / "b.npz", x_test=x)
    with pytest.raises(DataError, match=r"b\.npz: contains no labels"):
        load_labelled(tmp_path / "b.npz", mnist.test.classes)
