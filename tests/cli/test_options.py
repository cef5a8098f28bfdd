"""Options shared by commands: every field of a recipe has its flag and its variable, and errors name the flag."""

from dataclasses import fields
from typing import Any

import click
import pytest
from click.testing import CliRunner

from softreg.cli.options import common_options, flags_in_errors, recipe_options
from softreg.cli.train import command as train
from softreg.cli.translated import Command
from softreg.errors import RecipeError
from softreg.recipe import Recipe


@click.command("show", Command)
@recipe_options
@common_options
@click.pass_context
def show(context: click.Context, /, as_json: bool, **flags: Any) -> None:
    """Keep the flags that were given."""
    context.obj.update({name: value for name, value in flags.items() if value is not None}, as_json=as_json)


def parsed(*arguments: str, **environment: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    result = CliRunner().invoke(show, arguments, obj=found, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found


def test_every_field_of_the_recipe_is_a_flag_of_train_with_help() -> None:
    flags = {parameter.name for parameter in train.params}
    assert {field.name for field in fields(Recipe)} <= flags
    assert all(getattr(parameter, "help", "") for parameter in train.params)


def test_flags_not_given_are_left_to_the_recipe() -> None:
    assert parsed() == {"as_json": False}


@pytest.mark.parametrize(
    "field", [field for field in fields(Recipe) if not isinstance(field.default, bool)], ids=lambda field: field.name
)
def test_a_flag_and_its_variable_give_the_same_text(field: Any) -> None:
    flag, variable = f"--{field.name}".replace("_", "-"), f"SOFTREG_{field.name.upper()}"
    assert parsed(flag, "3")[field.name] == parsed(**{variable: "3"})[field.name] == "3"
    assert parsed(flag, "4", **{variable: "3"})[field.name] == "4"


@pytest.mark.parametrize(
    "field", [field for field in fields(Recipe) if isinstance(field.default, bool)], ids=lambda field: field.name
)
def test_a_switch_can_be_turned_on_and_off(field: Any) -> None:
    flag = field.name.replace("_", "-")
    assert parsed(f"--{flag}")[field.name] is True
    assert parsed(f"--no-{flag}")[field.name] is False


def test_an_error_names_the_flag_only_where_the_flag_was_given() -> None:
    with pytest.raises(RecipeError, match=r"^--batch-size must be"), flags_in_errors({"batch_size"}):
        Recipe.merged("tutorial", None, {"batch_size": "0"})
    with pytest.raises(RecipeError, match=r"^batch_size must be"), flags_in_errors({"epochs"}):
        Recipe.merged("tutorial", None, {"batch_size": "0"})
