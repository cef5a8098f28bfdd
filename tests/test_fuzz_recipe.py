"""Whatever a recipe file holds, a recipe or RecipeError comes out."""

from contextlib import suppress
from dataclasses import fields
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from softreg.errors import RecipeError
from softreg.recipe import Recipe

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.lists(st.integers(), max_size=2)
    | st.dates()
)


def recipe_or_refusal(text: str) -> None:
    with suppress(RecipeError):
        recipe = Recipe.from_toml(text)
        assert Recipe.from_toml(recipe.to_toml()) == recipe


@settings(max_examples=500)
@given(st.text(max_size=200))
@example("a=" + "[" * 10**5)
@example("epochs = inf")
@example("epochs = nan")
@example("epochs = 1e400")
@example("dataset = '" + "x" * 10**4 + "'")
@example('dataset = "\\u0000"')
@example("seed = 0x" + "f" * 5000)
@example("seed = " + "9" * 5000)
def test_any_text(text: str) -> None:
    recipe_or_refusal(text)


@settings(max_examples=1000)
@given(st.dictionaries(st.sampled_from([field.name for field in fields(Recipe)]), VALUES, max_size=4))
def test_any_values(values: dict[str, Any]) -> None:
    with suppress(RecipeError):
        recipe = Recipe.from_mapping(values)
        assert Recipe.from_toml(recipe.to_toml()) == recipe


@settings(max_examples=500)
@given(st.integers(0, 10**6), st.integers(0, 5), st.text(max_size=5))
def test_any_change_of_a_good_file(where: int, length: int, text: str) -> None:
    good = Recipe().to_toml()
    where %= len(good)
    recipe_or_refusal(good[:where] + text + good[where + length :])


@settings(max_examples=500)
@given(st.sampled_from([field.name for field in fields(Recipe)]), st.text(max_size=30))
def test_any_flag(name: str, text: str) -> None:
    with suppress(RecipeError):
        Recipe().replace({name: text})
