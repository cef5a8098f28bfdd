"""Commands and options whose help is a message key, translated whenever it is shown: the language may change within a process."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from softreg.messages import translate

Decorated = TypeVar("Decorated", bound=click.Command | Callable[..., Any])


PLACES = {"FILE", "DIR", "PATH"}  # metavars of options whose value is a file or a folder
FILLER = "\0"  # stands for the second column of a wide character


class HelpFormatter(click.HelpFormatter):
    """Wraps lines by the columns they take: click counts characters, but a Hangul syllable takes two columns."""

    def write_text(self, text: str) -> None:
        """A paragraph."""
        super().write_text(_filled(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """A list of options or commands and what they do."""
        super().write_dl([(term, _filled(text)) for term, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """The help text."""
        return super().getvalue().replace(FILLER, "")


class Context(click.Context):
    """The context of every command."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command whose `help` and `epilog` are set as message keys and read as sentences."""

    context_class = Context

    @property
    def help(self) -> str | None:
        """What the command does."""
        return self._help and translate(self._help)

    @help.setter  # noqa: A003 (the property, not the builtin)
    def help(self, key: str | None) -> None:
        self._help = key

    @property
    def epilog(self) -> str | None:
        """What stands below the options."""
        return self._epilog and translate(self._epilog)

    @epilog.setter
    def epilog(self, key: str | None) -> None:
        self._epilog = key


class Option(click.Option):
    """An option whose `help` is set as a message key and read as a sentence.

    Parameters
    ----------
    help_params : fill the sentence's placeholders
    shown_default : the default to show, for an option whose value is None unless given
    """

    def __init__(
        self, *args: Any, help_params: Mapping[str, object] | None = None, shown_default: str | None = None, **attributes: Any
    ) -> None:
        self._help_params = help_params or {}
        self._shown_default = shown_default
        if attributes.get("metavar") in PLACES:
            attributes.setdefault("shell_complete", complete_files)
        super().__init__(*args, **attributes)

    @property
    def help(self) -> str | None:
        """What the option does."""
        return self._help and translate(self._help, **self._help_params)

    @help.setter  # noqa: A003 (the property, not the builtin)
    def help(self, key: str | None) -> None:
        self._help = key

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What stands in brackets after the help: the default, in one style; an error names the range of a number."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        if self._shown_default is not None:
            extra["default"] = self._shown_default
        return extra


def option(*declarations: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.option`, with `help` a message key."""
    return click.option(*declarations, cls=Option, **attributes)


def complete_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What makes the shell offer files and folders."""
    return [CompletionItem(incomplete, type="file")]


def _filled(text: str) -> str:
    """`text` with as many characters as it takes columns."""
    return "".join(char + FILLER if unicodedata.east_asian_width(char) in "WF" else char for char in text)
