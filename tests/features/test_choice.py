"""`features = auto`: a map that takes the images, a sentence in both languages that says why, and the choice in the run."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import softreg
from softreg.data.dataset import Dataset, Splits
from softreg.errors import RecipeError, SoftregWarning
from softreg.features.choice import MAX_IMAGES, choose_features
from softreg.features.registry import FEATURE_MAPS
from softreg.messages import use_language
from softreg.recipe import Recipe
from softreg.training.fit import fit
from softreg.training.reproduce import reproduce
from tests.helpers.pooled_features import textures

sizes = st.integers(8, 1024)


@given(st.integers(1, 10**8), st.tuples(sizes, sizes) | st.tuples(sizes, sizes, st.just(3)))
def test_what_is_chosen_takes_the_images(n: int, shape: tuple[int, ...]) -> None:
    choice = choose_features(n, shape)
    assert FEATURE_MAPS[choice.features].takes(shape)
    assert choice.features == ("pixels" if n > MAX_IMAGES else "patches" if len(shape) == 3 else "scattering")
    assert f"{n:,}" in str(choice)
    assert choice.features in str(choice)


@pytest.mark.parametrize(("n", "shape"), [(500, (32, 32, 3)), (500, (28, 28)), (10**6, (28, 28))])
def test_the_reason_is_told_in_both_languages(n: int, shape: tuple[int, ...]) -> None:
    english = str(choose_features(n, shape))
    use_language("ko")
    korean = str(choose_features(n, shape))
    assert english.isascii()
    assert "이미지" in korean
    assert "\n" not in english + korean


def textured(n: int, seed: int) -> Dataset:
    return Dataset(textures(n, (12, 10, 3), seed), torch.arange(n) % 2, ("a", "b"), "textures")


def test_the_run_records_what_was_chosen(tmp_path: Path) -> None:
    data = Splits(textured(60, 1), textured(20, 2))
    recipe = Recipe(features="auto", epochs=2, batch_size=10)
    with pytest.warns(SoftregWarning, match="features = patches: for 60 colour images of 12 x 10"):
        run = softreg.train(recipe, tmp_path / "run", data=data, figures=False)
    assert run.recipe.features == "patches"
    assert run.model().features.name == "patches"
    assert reproduce(run, data=data).same
    again = softreg.train(recipe, tmp_path / "run", data=data, resume=True)  # a finished run is what `auto` would train
    assert again.path == run.path
    with pytest.raises(softreg.errors.RunError, match="epochs 3, not 2"):
        softreg.train(recipe.replace({"epochs": 3}), tmp_path / "run", data=data, resume=True)


def test_it_is_what_training_by_that_name_gives() -> None:
    data = textured(40, 1)
    chosen, named = (fit(Recipe(features=name, epochs=1, batch_size=10), data).model for name in ("auto", "patches"))
    assert torch.equal(chosen.linear.weight, named.linear.weight)


def test_an_unknown_map_is_refused_with_auto_among_the_choices() -> None:
    with pytest.raises(RecipeError, match=r"both, views, kernel, invariant_kernel, compact_kernel, embeddings, resnet18, .*, auto"):
        Recipe(features="wavelets")
