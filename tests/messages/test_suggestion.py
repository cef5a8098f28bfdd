"""A misspelt name is answered with the one that was probably meant, in both languages."""

import pytest

from softreg.errors import RecipeError, RunError
from softreg.messages import use_language
from softreg.messages.suggestion import Suggestion
from softreg.recipe import Recipe
from softreg.runs.run import open_run


@pytest.mark.parametrize(("name", "end"), [("bset", ". Did you mean 'best'?"), ("xyzzy", "")])
def test_only_a_close_name_is_suggested(name: str, end: str) -> None:
    assert str(Suggestion(name, ("tutorial", "best"))) == end


def test_it_follows_the_language() -> None:
    use_language("ko")
    try:
        assert str(Suggestion("bset", ("best",))) == ". 혹시 'best'인가요?"
    finally:
        use_language("en")


def test_presets_choices_datasets_fields_and_models_are_suggested() -> None:
    for overrides, meant in (
        ({"features": "patch"}, "patches"),
        ({"solver": "newtn"}, "newton"),
        ({"dataset": "kminst"}, "kmnist"),
    ):
        with pytest.raises(RecipeError, match=f"Did you mean '{meant}'"):
            Recipe.merged("tutorial", None, overrides)
    with pytest.raises(RecipeError, match="Did you mean 'best'"):
        Recipe.preset("bset")
    with pytest.raises(RecipeError, match="Did you mean 'batch_size'"):
        Recipe.from_mapping({"batchsize": 10})
    with pytest.raises(RunError, match="Did you mean 'handwriting'"):
        open_run("handwritting")
