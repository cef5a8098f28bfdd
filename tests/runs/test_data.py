"""The data of a recipe: from its files, or passed from Python in their place, with the same images held out."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.load import load_dataset
from softreg.errors import DataError, RecipeError
from softreg.recipe import IN_MEMORY, Recipe
from softreg.runs.data import is_on_another_machine, read_options, recipe_for, recipe_splits, run_splits
from softreg.runs.run import Run


def test_a_recipe_says_how_its_files_are_read() -> None:
    recipe = Recipe().replace({"label": "digit", "skip_bad": True})
    options = read_options(recipe)
    assert (options.size, options.label, options.skip_bad) == (recipe.image_size, "digit", True)


def test_what_a_run_records_of_its_data(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3)
    assert recipe_for(recipe, None) is recipe
    for path in (tmp_path, str(tmp_path)):
        assert recipe_for(recipe, path) == recipe.replace({"dataset": str(tmp_path)})
    assert recipe_for(recipe, (np.zeros((2, 28, 28)), [0, 1])) == recipe.replace({"dataset": IN_MEMORY})


def test_files_and_arrays_give_the_same_splits(small_idx: Path) -> None:
    whole = load_dataset(small_idx)
    recipe = Recipe(dataset=str(small_idx), validation=300)
    arrays = tuple(part.numpy() for part in (whole.train.images, whole.train.labels, whole.test.images, whole.test.labels))
    from_files, from_arrays = recipe_splits(recipe), recipe_splits(recipe, arrays)
    for ours, theirs in ((from_files.train, from_arrays.train), (from_files.test, from_arrays.test)):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
    assert (len(from_files.train), len(from_files.test)) == (2700, 300)


def test_images_are_held_out_by_class_where_the_last_ones_are_taken(small_idx: Path) -> None:
    """With the classes sorted, the last fifth would otherwise be all nines."""
    whole = load_dataset(small_idx)
    train, test = whole.train, whole.test
    ordered = train[train.labels.argsort(stable=True)]
    arrays = tuple(tensor.numpy() for tensor in (ordered.images, ordered.labels, test.images, test.labels))
    splits = recipe_splits(Recipe(solver="lbfgs", l2=1e-3, calibration=600), arrays)
    last = splits.train.labels[-600:].bincount(minlength=10)
    shares = train.labels.bincount(minlength=10) * 600 / len(train)
    torch.testing.assert_close(last.float(), shares.float(), rtol=0, atol=2)


def test_data_that_was_only_in_memory_must_be_passed_again() -> None:
    with pytest.raises(DataError):
        recipe_splits(Recipe(dataset=IN_MEMORY))


def test_data_that_are_gone_may_be_named_anew(small_idx: Path, tmp_path: Path) -> None:
    recipe, here = Recipe(dataset=str(tmp_path / "gone"), validation=300), Recipe(dataset=str(small_idx), validation=300)
    with pytest.raises(DataError, match="gone"):
        recipe_splits(recipe)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    found, expected = run_splits(Run(tmp_path), small_idx), recipe_splits(here)
    assert torch.equal(found.train.images, expected.train.images)
    assert torch.equal(found.test.labels, expected.test.labels)


def test_more_images_than_there_are_cannot_be_held_out(small_idx: Path) -> None:
    with pytest.raises(RecipeError, match=r"3,?000"):
        recipe_splits(Recipe(dataset=str(small_idx), validation=3000))


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (r"\\evil\share", True),
        (r"\\evil@SSL@8443\share\mnist", True),
        (r"\\?\UNC\evil\share", True),
        (r"C:\data", False),
        ("mnist", False),
        ("//tmp/mnist", os.sep != "/"),  # a folder of this machine, but for Windows
    ],
)
def test_a_run_that_names_another_machine_makes_nobody_look_there(
    dataset: str, expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert is_on_another_machine(dataset) is expected
    if expected:
        monkeypatch.setattr("softreg.recipe._exists", pytest.fail)
        (tmp_path / "recipe.toml").write_text(Recipe().to_toml().replace('"mnist"', f"'{dataset}'"))
        with pytest.raises(DataError, match="--data"):
            run_splits(Run(tmp_path))
