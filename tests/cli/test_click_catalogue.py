"""Our translations of click's sentences, against the click that is installed."""

import ast
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import click
import pytest

from softreg.cli.click_catalogue import MODULES, ClickCatalogue
from softreg.messages import catalogue, use_language

NEVER_SHOWN = {  # to a user of softreg: for developers, for prompts, and for what no option or argument of ours is
    "Aborted!",
    "deprecated",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
    "Value must be an iterable.",
    "Could not determine name for option with declarations {decls!r}",
    "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? Did"
    " you mean to pass '--{name}'?",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "(dynamic)",
    "Name '{name}' defined twice",
    "Takes {nargs} values but 1 was given.",
    "Takes {nargs} values but {len} were given.",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Do you want to continue?",
    "Confirm the action without prompting.",
    "%(prog)s, version %(version)s",  # the same in both languages
    "Show the version and exit.",  # softreg has its own
    "Show this message and exit.",
    "unknown error",
    "Could not open file {filename!r}: {message}",
    "Error: {message}",
    "Try '{command} {option}' for help.",
    "Missing parameter",
    "Missing parameter: {param_name}",
    "Missing {param_type}",
    "Invalid start character for option ({option})",
    "Press any key to continue...",
    "Repeat for confirmation",
    "Error: The two entered values do not match.",
    "Unknown color {colour!r}",
    "Error: invalid input",
    "file",  # the names of types, which click translates at import
    "directory",
    "path",
    "Choice({choices})",
    "{value!r} does not match the format {format}.",
    "{value!r} does not match the formats {formats}.",
    "{len_type} values are required, but {len_value} was given.",
    "{len_type} values are required, but {len_value} were given.",
    "{value!r} is not a valid UUID.",
    "{name} {filename!r} is not executable.",
}


def msgids(module: ModuleType) -> set[str]:
    """The sentences that a module of click passes through gettext."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    arguments = [argument for call in calls if call.func.id in {"_", "ngettext"} for argument in call.args]  # type: ignore[attr-defined]
    return {argument.value for argument in arguments if isinstance(argument, ast.Constant) and isinstance(argument.value, str)}


def test_every_sentence_we_translate_is_click_s() -> None:
    installed = set().union(*map(msgids, MODULES)) | {"required"}  # which stands in a variable
    ours = {sentence["en"] for sentence in catalogue("click").values()}
    assert not ours - installed, f"click {version('click')} has changed these"


def test_every_sentence_of_click_that_a_user_may_see_is_translated() -> None:
    ours = {sentence["en"] for sentence in catalogue("click").values()}
    assert not set().union(*map(msgids, MODULES)) - ours - NEVER_SHOWN, f"click {version('click')} has these, too"


def test_no_module_of_click_that_speaks_to_users_is_left_out() -> None:
    folder = Path(str(click.__file__)).parent
    speaking = {path.stem for path in folder.glob("*.py") if "from gettext import" in path.read_text(encoding="utf-8")}
    silent = {"_termui_impl", "_winconsole", "shell_completion", "utils"}  # progress bars, editors, shells: softreg uses none
    assert {f"click.{name}" for name in speaking - silent} == {module.__name__ for module in MODULES}


def test_the_catalogue_follows_the_language() -> None:
    translations = ClickCatalogue()
    try:
        use_language("ko")
        assert translations.gettext("Usage:") == "사용법:"
        use_language("en")
        assert translations.gettext("Usage:") == "Usage:"
    finally:
        use_language("en")


def test_what_the_catalogue_does_not_have_stays_as_it_is() -> None:
    try:
        use_language("ko")
        assert ClickCatalogue().gettext("Aborted!") == "Aborted!"
    finally:
        use_language("en")


@pytest.mark.parametrize(("n", "message"), [(0, "plural"), (1, "singular"), (2, "plural")])
def test_singular_and_plural(n: int, message: str) -> None:
    assert ClickCatalogue().ngettext("singular", "plural", n) == message
