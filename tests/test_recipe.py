"""Recipes: three faces (dataclass, TOML, flags), one set of fields and bounds."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st

from softreg.errors import RecipeError
from softreg.features.registry import FEATURE_MAPS
from softreg.messages import LANGUAGES, catalogue
from softreg.messages.strangers import has_controls
from softreg.recipe import MAX_BYTES, PRESETS, Recipe

sgd_recipes = st.builds(
    Recipe,
    features=st.sampled_from(tuple(FEATURE_MAPS)),
    epochs=st.integers(1, 10**6),
    batch_size=st.integers(1, 10**8),
    drop_last=st.booleans(),
    lr=st.floats(1e-300, 1e6),
    l2=st.floats(0, 1e6),
    seed=st.integers(0, 2**63 - 1),
    validation=st.integers(0, 10**8),
)


@given(sgd_recipes)
def test_toml_gives_the_same_recipe_back(recipe: Recipe) -> None:
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_the_tutorial_preset_is_the_default() -> None:
    assert Recipe.preset("tutorial") == Recipe()


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"fast.*tutorial, optimum, best"):
        Recipe.preset("fast")


@pytest.mark.parametrize("name", PRESETS)
def test_every_shipped_preset_reads(name: str) -> None:
    recipe = Recipe.preset(name)
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"lr": 0}, "invalid"),
        ({"lr": -1}, "invalid"),
        ({"lr": float("nan")}, "invalid"),
        ({"lr": float("inf")}, "invalid"),
        ({"lr": "fast"}, "invalid"),
        ({"epochs": 0}, "invalid"),
        ({"epochs": 1.5}, "invalid"),
        ({"epochs": True}, "invalid"),
        ({"batch_size": 0}, "invalid"),
        ({"l2": -1e-9}, "invalid"),
        ({"seed": -1}, "invalid"),
        ({"drop_last": 1}, "invalid"),
        ({"features": "wavelets"}, "invalid"),
        ({"solver": "adam"}, "invalid"),
        ({"device": "tpu"}, "invalid"),
        ({"dataset": 5}, "invalid"),
        ({"solver": "lbfgs", "l2": 1e-4, "epochs": 3}, "not_read"),
        ({"tol": 1e-3}, "not_read"),
        ({"solver": "newton"}, "needs_l2"),
        ({"epoch": 3}, "unknown_field"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(values: dict[str, Any], key: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_mapping(values)
    assert caught.value.key == f"recipe.{key}"
    assert "\n" not in str(caught.value)
    assert all(name in str(caught.value) for name in values if key == "unknown_field")


@pytest.mark.parametrize("name", ["imagenet", "", "x" * 10_000])
def test_an_unknown_dataset_is_refused_before_it_is_trained_on_but_read_in_a_run(name: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.merged("tutorial", None, {"dataset": name})
    assert caught.value.key == "recipe.unknown_dataset"
    assert Recipe.from_toml(Recipe(dataset=name).to_toml()).dataset == name


@pytest.mark.parametrize("name", ["\0", "\x1b]0;title\x07", "\u202eright to left"])
def test_a_dataset_name_with_control_characters_is_refused_with_a_harmless_line(name: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(tomli_w.dumps({"dataset": name}))
    assert caught.value.key == "recipe.invalid"
    assert not has_controls(str(caught.value))


@pytest.mark.parametrize("text", ["lr = ", "lr = 0.1\nlr = 0.2", "[solver]\nname = 1", "\x00"])
def test_bad_toml_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RecipeError, match=r"mine\.toml|solver must be"):
        Recipe.from_toml(text, where="mine.toml")


def test_a_file_may_begin_with_a_byte_order_mark_and_is_not_read_without_end(tmp_path: Path) -> None:
    (tmp_path / "notepad.toml").write_text("epochs = 3\r\n", encoding="utf-8-sig")
    assert Recipe.read(tmp_path / "notepad.toml").epochs == 3
    (tmp_path / "large.toml").write_text("#" * (MAX_BYTES + 1))
    for path in filter(Path.exists, (tmp_path / "large.toml", Path("/dev/zero"))):
        with pytest.raises(RecipeError, match="1,048,576 bytes"):
            Recipe.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml"):
        Recipe.read(tmp_path / "none.toml")


def test_layers_flag_over_file_over_preset(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("epochs = 3\nlr = 0.5\n")
    recipe = Recipe.merged("tutorial", config, {"lr": "0.25"})
    assert (recipe.epochs, recipe.lr, recipe.batch_size) == (3, 0.25, 100)


def test_another_solver_lets_go_of_what_only_the_preset_said() -> None:
    recipe = Recipe.merged("tutorial", None, {"solver": "lbfgs", "l2": "1e-4"})
    assert (recipe.solver, recipe.l2) == ("lbfgs", 1e-4)
    with pytest.raises(RecipeError):  # but what is asked for is never silently ignored
        Recipe.merged("tutorial", None, {"solver": "lbfgs", "l2": "1e-4", "epochs": "3"})


@given(st.text())
def test_any_text_as_a_number_is_read_or_refused(text: str) -> None:
    try:
        lr = Recipe.merged("tutorial", None, {"lr": text}).lr
    except RecipeError as error:
        lr = None
        text = str(error)
    assert "lr" in text if lr is None else lr == float(text)


def test_every_field_is_told_in_both_languages() -> None:
    table = catalogue("recipe")
    assert all(set(table[field.name]) == set(LANGUAGES) for field in fields(Recipe))


def test_recipes_are_values() -> None:
    assert replace(Recipe(), epochs=2) == Recipe(epochs=2)
    assert hash(Recipe()) == hash(Recipe())


def test_a_penalty_is_chosen_only_by_solvers_that_find_optima() -> None:
    assert Recipe(solver="lbfgs", l2="auto").l2 == "auto"
    with pytest.raises(RecipeError, match="lbfgs"):
        Recipe(solver="sgd", l2="auto")


def test_numbers_in_all_but_name_are_converted_at_the_door() -> None:
    given = Recipe(
        dataset=Path("mnist"),  # type: ignore[arg-type]
        batch_size=100.0,  # type: ignore[arg-type]
        epochs=np.int64(3),  # type: ignore[arg-type]
        seed=torch.tensor(5),  # type: ignore[arg-type]
        drop_last=np.bool_(True),  # type: ignore[arg-type]
        lr=1,
        l2=np.float32(0.5),  # type: ignore[arg-type]
    )
    wanted = Recipe(dataset="mnist", batch_size=100, epochs=3, seed=5, drop_last=True, lr=1.0, l2=0.5)
    assert given == wanted
    assert given.to_toml() == wanted.to_toml()
    assert {type(getattr(given, name)) for name in ("batch_size", "epochs", "seed")} == {int}


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 10**400, "3", np.array([3]), None, True])
def test_what_is_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(RecipeError, match="epochs"):
        Recipe(epochs=value)
