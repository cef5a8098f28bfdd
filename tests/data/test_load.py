"""A dataset by its name or its folder, and images held out from it."""

from pathlib import Path

import pytest
import torch

from softreg.data.load import load_dataset, load_splits
from softreg.errors import DataError, RecipeError


def test_neither_name_nor_folder(tmp_path: Path) -> None:
    for name in ("nist", str(tmp_path / "none"), ""):
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
