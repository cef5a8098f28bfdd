"""The command line: one short file per command, imported when it is called. Parse, call, print; no mathematics.

Results go to stdout; progress, warnings and errors to stderr. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.
May import everything; start reading at `main`.
"""

import io
import json
import os
import sys
import warnings
from importlib import import_module
from itertools import pairwise
from typing import NoReturn

import click

from softreg._version import __version__
from softreg.cli.click_catalogue import install
from softreg.cli.options import plain_options
from softreg.cli.translated import Command, Option
from softreg.errors import FAILED, INTERRUPTED, SoftregError, SoftregWarning
from softreg.messages import language_of_locale, translate, use_language
from softreg.messages.strangers import without_controls

MIN_COLUMNS = 20  # of a terminal
COMMANDS = ("train", "evaluate", "predict", "explain", "data", "lab", "serve", "export", "reproduce")


class LazyGroup(Command, click.Group):
    """A group that imports a command, `softreg.cli.<name>.command`, when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"softreg.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with, its name, and the other arguments; a misspelt name is compared with ours."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None


@click.group("softreg", LazyGroup, help="cli.softreg", epilog="cli.epilog", context_settings={"max_content_width": 110})
@click.version_option(__version__, prog_name="softreg", cls=Option, help="cli.version")
@plain_options
def group() -> None:
    """Parse; the commands do the rest."""


def main(arguments: list[str] | None = None) -> None:
    """Run softreg with these arguments (those of the process if None), and exit with its exit code."""
    _prepare_streams()
    os.environ.pop("MPLBACKEND", None)  # figures go to files; a notebook's, inherited from it, may not exist here
    install()
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _choose_language(arguments)
    warnings.showwarning = _warn
    try:
        _check_folder()
        code = group.main(arguments, prog_name="softreg", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        _fail("usage", _with_hint(error), error.exit_code, arguments)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", translate("cli.interrupted"), INTERRUPTED, arguments)
    except BrokenPipeError:  # whoever read our output has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if "--debug" in arguments:
            raise
        code, message = _describe(error)
        _fail(code, message, getattr(error, "exit_code", FAILED), arguments)


def _prepare_streams() -> None:
    """Give closed streams a place, lest the next file that is opened become stdout; let no letter stop a command half-way."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as the process lives
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns[:9]) < MIN_COLUMNS:  # 0 where a terminal does not know: nothing would be shown
        del os.environ["COLUMNS"]


def _check_folder() -> None:
    """Raise if the current folder has been deleted: torch's libraries, which look for it, would end the process."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd is this
    except FileNotFoundError:
        raise SoftregError("cli.no_folder") from None


def _fail(code: str, message: str, exit_code: int, arguments: list[str]) -> NoReturn:
    """One line on stderr; with --json also an object on stdout, with a `code` that is the same in every language; and exit."""
    message = without_controls(" ".join(message.split()))
    click.echo(f"softreg: {message}", err=True)
    if "--json" in arguments:
        error = {"code": code, "message": message, "exit_code": exit_code}
        click.echo(json.dumps({"schema": 1, "error": error}, ensure_ascii=False))
    sys.exit(exit_code)


def _describe(error: Exception) -> tuple[str, str]:
    """What went wrong: a code for a program (the message's key, or the kind of trouble where it has none) and a line to read."""
    if isinstance(error, SoftregError):
        return error.key, str(error)
    if (
        isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)
    ):  # the latter torch's
        return "system", translate("cli.no_memory")
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return "system", translate("cli.no_threads")
    if isinstance(error, ImportError) and not (error.name or "").startswith("softreg"):
        return "system", translate("cli.not_loaded", error=error)
    if isinstance(error, OSError):
        return "system", str(error)
    return "unexpected", translate("cli.unexpected", kind=type(error).__name__, error=error)


def _with_hint(error: click.ClickException) -> str:
    """Why the command line is not understood, and where it is explained."""
    context = getattr(error, "ctx", None)
    return translate("cli.see_help", message=error.format_message(), command=context.command_path if context else "softreg")


def _warn(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """A warning of ours as one line on stderr; those of other packages concern developers, who ask for them with -W."""
    if issubclass(category, SoftregWarning) or sys.warnoptions:
        click.echo(f"softreg: {without_controls(' '.join(str(message).split()))}", err=True)


def _choose_language(arguments: list[str]) -> None:
    """Before anything is parsed: `--lang` wherever it stands, else `SOFTREG_LANG`, else the locale."""
    given = [value for flag, value in pairwise(arguments) if flag == "--lang"]
    given += [argument.removeprefix("--lang=") for argument in arguments if argument.startswith("--lang=")]
    chosen = given[-1] if given else os.environ.get("SOFTREG_LANG", language_of_locale())
    if not given and not _can_show_hangul():
        chosen = "en"
    use_language("ko" if chosen == "ko" else "en")  # an invalid --lang is rejected when it is parsed


def _can_show_hangul() -> bool:
    """Whether stdout and stderr have the letters of Korean: not on a terminal set to Japanese, or to ASCII."""
    try:
        for stream in (sys.stdout, sys.stderr):
            "한".encode(stream.encoding or "utf-8")
    except (LookupError, UnicodeError):
        return False
    return True
