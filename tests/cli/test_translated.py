"""Help and errors in the language in use, which may change within a process."""

import re
import unicodedata
from importlib import import_module

import click
import pytest

from softreg.cli import COMMANDS, group
from softreg.cli.translated import Command, Option
from tests.helpers.command_line import exit_code


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of softreg, run in this process."""
    code, output = exit_code(*arguments), capsys.readouterr()
    return code, output.out, output.err


def test_help_follows_the_language_within_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        english, korean = (" ".join(run(capsys, "train", "--help", "--lang", code)[1].split()) for code in ("en", "ko"))
        assert all(text in english for text in ("Usage:", "Options:", "Replace the run", "[default: mnist]"))
        assert all(text in korean for text in ("사용법:", "옵션:", "교체합니다", "[기본값: mnist]"))
        assert not re.search("[가-힣]", english)
        assert not re.search("Usage|Options|default|Replace", korean)


def test_errors_follow_the_language_within_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        code, _, english = run(capsys, "train", "--epoch", "3", "--lang", "en")
        assert code == 2
        assert english == "softreg: No such option '--epoch'. Did you mean '--epochs'? (see `softreg train --help`)\n"
        code, _, korean = run(capsys, "train", "--epoch", "3", "--lang", "ko")
        assert code == 2
        assert korean.startswith("softreg: '--epoch' 옵션이 없습니다.")
        assert "--epochs" in korean
        assert "No such" not in korean


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_is_whole_and_no_line_is_wider_than_the_terminal(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, text, error = run(capsys, *([name] if name else []), "--help", "--lang", language)
    assert (code, error) == (0, "")
    assert not re.search(
        r"\b(cli|data|recipe|train|serving)\.\w+", text.replace("recipe.toml", "")
    )  # a key shown in place of its message
    assert "\0" not in text
    for line in text.splitlines():
        assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) <= 80, line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_that_can_be_translated(name: str) -> None:
    command = import_module(f"softreg.cli.{name}").command
    assert isinstance(command, Command)
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, Option | click.Argument)
        assert isinstance(parameter, click.Argument) or parameter.help
    assert group.help
