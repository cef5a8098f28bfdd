"""What people expect of any command line: -h, examples that can be typed, completion, failures that programs can read."""

import json
import shlex
from importlib import import_module

import click
import pytest
from click.shell_completion import BashComplete

from softreg.cli import COMMANDS, group
from softreg.messages import LANGUAGES, Language, use_language
from tests.helpers.command_line import call_softreg, run_softreg


def find(name: str) -> click.Command:
    command: click.Command = import_module(f"softreg.cli.{name}").command
    return command


@pytest.mark.parametrize("arguments", [(), ("train",)])
def test_h_is_help(arguments: tuple[str, ...]) -> None:
    assert run_softreg(*arguments, "-h").stdout == run_softreg(*arguments, "--help").stdout != ""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_can_be_typed(name: str, language: Language) -> None:
    use_language(language)
    lines = [line.strip() for line in (find(name).epilog or "").splitlines() if line.startswith("  softreg")]
    assert lines
    for line in lines:
        program, typed, *arguments = shlex.split(line, comments=True)
        assert (program, typed) == ("softreg", name)
        find(name).make_context(name, arguments)  # parses, and runs nothing


@pytest.mark.parametrize(
    ("typed", "incomplete", "offered"),
    [
        ([], "tr", ["train"]),
        (["train", "--preset"], "o", ["optimum"]),
        (["train", "--solver"], "n", ["newton"]),
        (["train", "--dataset"], "mn", ["mnist"]),
        (["export", "--format"], "", ["onnx", "npz", "json", "html", "web"]),
        (["evaluate"], "b", ["best"]),
        (["evaluate", "best", "--data"], "km", ["kmnist"]),
        (["train", "--val"], "--val", ["--validation"]),
    ],
)
def test_the_shell_completes(typed: list[str], incomplete: str, offered: list[str]) -> None:
    before = typed[:-1] if incomplete.startswith("--") else typed
    items = BashComplete(group, {}, "softreg", "_SOFTREG_COMPLETE").get_completions(before, incomplete)
    assert [item.value for item in items] == offered


@pytest.mark.parametrize(
    "typed",
    [["predict"], ["evaluate"], ["train", "--config"], ["export", "best", "--out"], ["predict", "--steps"], ["explain", "--data"]],
)
def test_the_shell_completes_files(typed: list[str]) -> None:
    items = BashComplete(group, {}, "softreg", "_SOFTREG_COMPLETE").get_completions(typed, "pho")
    assert [item.type for item in items] == ["file"]


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("evaluate", "nowhere"), "runs.no_run", 1),
        (("evaluate", "best", "--data", "nowhere"), None, 1),
        (("train", "--epochs", "0"), "recipe.invalid", 2),
        (("evaluate",), "usage", 2),
        (("evalute", "best"), "usage", 2),
    ],
)
def test_a_failure_is_json_where_json_is_asked_for(arguments: tuple[str, ...], code: str | None, exit_code: int) -> None:
    english, korean = (call_softreg(*arguments, "--json", "--lang", language) for language in LANGUAGES)
    told, other = json.loads(english.stdout), json.loads(korean.stdout)
    assert told["schema"] == 1
    assert code in (None, told["error"]["code"])
    assert told["error"]["code"] == other["error"]["code"]
    assert told["error"]["message"] != other["error"]["message"]
    assert english.returncode == told["error"]["exit_code"] == exit_code
    assert english.stderr == f"softreg: {told['error']['message']}\n"


def test_a_misspelt_command_is_guessed() -> None:
    assert "Did you mean 'evaluate'?" in run_softreg("evalute", "best").stderr
