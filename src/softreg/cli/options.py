"""Options that several commands share. Those of a recipe are made from its fields, so that every field has its flag."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from typing import Any

import click
from click.shell_completion import CompletionItem

from softreg.cli.translated import Decorated, Option, complete_files, option
from softreg.data.registry import DATASETS
from softreg.errors import RecipeError
from softreg.messages import LANGUAGES, translate
from softreg.recipe import Recipe


def lang_option(command: Decorated) -> Decorated:
    """`--lang`, only checked here: `softreg.cli.main` reads it ahead of all else, so that errors and help are in that language."""
    return option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help="cli.lang")(command)


def debug_option(command: Decorated) -> Decorated:
    """`--debug`, only shown here: `softreg.cli.main` reads it."""
    return option("--debug", is_flag=True, expose_value=False, help="cli.debug")(command)


def json_option(command: Decorated) -> Decorated:
    """`--json`, as the parameter `as_json`."""
    return option("--json", "as_json", is_flag=True, help="cli.json")(command)


def plain_options(command: Decorated) -> Decorated:
    """What softreg itself and every command have: `--lang`, `--debug`, `--help`."""
    return lang_option(debug_option(click.help_option("-h", "--help", cls=Option, help="cli.help")(command)))


def common_options(command: Decorated) -> Decorated:
    """`plain_options` and `--json`."""
    return json_option(plain_options(command))


def recipe_options(command: Decorated) -> Decorated:
    """A flag for every recipe field, also read from `SOFTREG_<FIELD>`; None if not given.

    Numbers arrive as text: the recipe checks them, so that every way to write a recipe has the same bounds and errors.
    """
    for field in reversed(fields(Recipe)):
        command = _recipe_option(field)(command)
    return command


def _recipe_option(field: "Field[Any]") -> Any:
    flag, switch, spec = field.name.replace("_", "-"), isinstance(field.default, bool), field.metadata["spec"]
    return option(
        f"--{flag}/--no-{flag}" if switch else f"--{flag}",
        field.name,
        default=None,
        metavar=None if switch else type(field.default).__name__.upper().replace("STR", "NAME"),
        envvar=f"SOFTREG_{field.name.upper()}",
        show_envvar=False,
        help=f"recipe.{field.name}",
        help_params={"choices": spec.meanings or ", ".join(spec.choices)},
        shell_complete=complete(filter(None, (*spec.choices, spec.word)) if spec.choices else DATASETS)
        if spec.choices or field.name == "dataset"
        else None,
        shown_default=("on" if field.default else "off") if switch else f"{field.default}" or None,
    )


def complete(names: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """What the shell offers for an argument: `names`, and files and folders where none of them begins so."""

    def offer(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        offered = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return offered if offered and incomplete else [*offered, *complete_files(context, parameter, incomplete)]

    return offer


class Name(click.ParamType[str]):
    """A name of a file or a folder, or of something known: any text that is not empty."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        if not value.strip():
            self.fail(translate("output.empty"), param, ctx)
        return value


def force_option(command: Decorated) -> Decorated:
    """`--force`, as the parameter `force`: whether files that exist are replaced."""
    return option("--force", is_flag=True, help="output.force")(command)


@contextmanager
def flags_in_errors(given: Collection[str]) -> Iterator[None]:
    """Let a recipe error about one of the `given` fields name its flag: `--batch-size`, not `batch_size`."""
    try:
        yield
    except RecipeError as error:
        field = error.params.get("field")
        if field not in given:
            raise
        raise RecipeError(error.key, **error.params | {"field": f"--{field}".replace("_", "-")}) from error
