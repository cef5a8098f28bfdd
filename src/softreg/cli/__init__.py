"""The command line: one short file per verb, loaded when called. Parse, call, print; no mathematics.

Results go to stdout; progress, warnings and errors to stderr. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.
"""

import os
import sys
import warnings
from importlib import import_module
from itertools import pairwise
from typing import NoReturn

import click

from softreg._version import __version__
from softreg.cli.options import plain_options
from softreg.cli.usage import Context, usage_message
from softreg.errors import FAILED, INTERRUPTED, SoftregError, SoftregWarning
from softreg.messages import language_of_locale, translate, use_language

VERBS = ("train", "evaluate", "predict", "explain", "data", "lab", "serve", "export", "reproduce")


class LazyVerbs(click.Group):
    """A group whose commands are imported when asked for, each from the module of its name: `softreg.cli.<verb>.command`."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of a first day."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, imported now; None if there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"softreg.cli.{cmd_name}").command
        command.context_class = Context
        return command


def main(arguments: list[str] | None = None) -> None:
    """Run softreg with these arguments (those of the process if None), and exit as it ends."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _choose_language(arguments)
    warnings.showwarning = _warn
    try:
        code = _softreg().main(arguments, prog_name="softreg", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        _refuse(usage_message(error, VERBS), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _refuse(translate("cli.interrupted"), INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if "--debug" in arguments:
            raise
        expected = isinstance(error, SoftregError | OSError | MemoryError)
        _refuse(
            str(error) if expected else translate("cli.unexpected", kind=type(error).__name__, error=error),
            getattr(error, "exit_code", FAILED),
        )


def _refuse(line: str, exit_code: int) -> NoReturn:
    """One line on stderr, and out."""
    click.echo(f"softreg: {' '.join(line.split())}", err=True)
    sys.exit(exit_code)


def _warn(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """A warning as one line on stderr, not as Python shows it; others' warnings concern developers, who ask with -W or --debug."""
    if issubclass(category, SoftregWarning) or sys.warnoptions:
        click.echo(f"softreg: {' '.join(str(message).split())}", err=True)


def _choose_language(arguments: list[str]) -> None:
    """Before any help text is made: `--lang` wherever it stands, else `SOFTREG_LANG`, else the locale."""
    given = [after for before, after in pairwise(arguments) if before == "--lang"]
    given += [each.removeprefix("--lang=") for each in arguments if each.startswith("--lang=")]
    wanted = given[-1] if given else os.environ.get("SOFTREG_LANG", language_of_locale())
    use_language("ko" if wanted == "ko" else "en")  # a --lang that cannot be is refused by its option


def _softreg() -> click.Group:
    @click.group(
        "softreg",
        LazyVerbs,
        help=translate("cli.softreg"),
        epilog=translate("cli.epilog"),
        context_settings={"max_content_width": 110},
    )
    @click.version_option(__version__, prog_name="softreg", help=translate("cli.version"))
    @plain_options
    def group() -> None:
        """Nothing by itself."""

    return group
