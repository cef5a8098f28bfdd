"""What click says of its own accord, in the user's language: the headings of a help text, and why a command is not understood."""

import re

import click

from softreg.messages import translate

UNNAMED = {  # errors that click has no class for, or not one that tells enough
    r"Got unexpected extra arguments? \((.*)\)": "cli.too_much",
    r"Option '(.*)' does not take a value\.": "cli.takes_no_value",
    r"Option '(.*)' requires .*\.": "cli.needs_value",
    r"Missing (command)\.": "cli.which",
}


class HelpFormatter(click.HelpFormatter):
    """Headings from our table."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line that says how a command is called."""
        super().write_usage(prog, args, prefix or f"{translate('cli.usage')} ")

    def write_heading(self, heading: str) -> None:
        """What stands above options or commands."""
        super().write_heading(translate(f"cli.{heading.lower()}"))


class Context(click.Context):
    """The context of every command here."""

    formatter_class = HelpFormatter


def usage_message(error: click.ClickException, verbs: tuple[str, ...]) -> str:
    """Why the command line could not be understood, and what to do."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "softreg"
    match error:
        case click.NoSuchOption(option_name=name, possibilities=near):
            choices = translate("cli.did_you_mean", names=", ".join(near)) + " " if near else ""
            return translate("cli.no_option", name=name, choices=choices, command=command)
        case click.NoSuchCommand(command_name=name):
            return translate("cli.no_command", name=name, verbs=", ".join(verbs))
        case click.MissingParameter(param=click.Parameter() as parameter):
            return translate("cli.missing", name=_name(parameter), command=command)
        case click.BadParameter(param=click.Parameter() as parameter):
            return _allowed(parameter, error.message.partition(" is not ")[0]) or error.format_message()
    found = ((key, re.fullmatch(pattern, error.message)) for pattern, key in UNNAMED.items())
    told = (translate(key, what=match[1], verbs=", ".join(verbs)) for key, match in found if match)
    return next(told, error.format_message())  # or a sentence of ours


def _allowed(parameter: click.Parameter, value: str) -> str | None:
    """What a parameter of one of the kinds we use can be, instead of `value`."""
    match parameter.type:
        case click.Choice(choices=choices):
            return translate("cli.one_of", name=_name(parameter), value=value, choices=", ".join(choices))
        case click.IntRange(min=low, max=high):
            return translate("cli.whole_number", name=_name(parameter), value=value, low=low, high=high)
        case click.Path():
            return translate("cli.a_file", name=_name(parameter))
    return None


def _name(parameter: click.Parameter) -> str:
    """As it is typed, or as the help calls it."""
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
