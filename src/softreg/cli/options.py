"""Options that several verbs share. Those of a recipe are made from its fields, so that no field is without its flag."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from softreg.messages import LANGUAGES, translate
from softreg.recipe import Recipe

Verb = TypeVar("Verb", bound=click.Command | Callable[..., Any])


def lang_option(verb: Verb) -> Verb:
    """`--lang`: read ahead of everything else by `softreg.cli.main`, since help texts depend on it; here it is only checked."""
    return click.option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help=translate("cli.lang"))(verb)


def debug_option(verb: Verb) -> Verb:
    """`--debug`: read ahead by `softreg.cli.main`; shown here in the help."""
    return click.option("--debug", is_flag=True, expose_value=False, help=translate("cli.debug"))(verb)


def json_option(verb: Verb) -> Verb:
    """`--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=translate("cli.json"))(verb)


def plain_options(verb: Verb) -> Verb:
    """What softreg itself and every verb have: `--lang`, `--debug`, `--help`."""
    return lang_option(debug_option(click.help_option(help=translate("cli.help"))(verb)))


def common_options(verb: Verb) -> Verb:
    """What almost every verb has: `--json`, too."""
    return json_option(plain_options(verb))


def recipe_options(verb: Verb) -> Verb:
    """A flag for every recipe field, also read from `SOFTREG_<FIELD>`; what is not given is None.

    Numbers arrive as text: the recipe itself says, in the user's language, what may stand there.
    """
    for each in reversed(fields(Recipe)):
        flag, default = each.name.replace("_", "-"), each.default
        switch = isinstance(default, bool)
        choices = ", ".join(each.metadata["spec"].choices)
        help_text = f"{translate(f'recipe.{each.name}')}{': ' if choices else ''}{choices}  [{default}]"
        verb = click.option(
            f"--{flag}/--no-{flag}" if switch else f"--{flag}",
            each.name,
            default=None,
            metavar=None if switch else type(default).__name__.upper().replace("STR", "NAME"),
            envvar=f"SOFTREG_{each.name.upper()}",
            show_envvar=False,
            help=help_text,
        )(verb)
    return verb
