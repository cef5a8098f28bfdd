"""`softreg reproduce`."""

import json
from dataclasses import asdict

import click

from softreg.cli.options import common_options
from softreg.cli.translated import Command
from softreg.messages import translate


@click.command("reproduce", Command, help="reproduce.help")
@click.argument("run", metavar="RUN")
@common_options
def command(run: str, as_json: bool) -> int:
    """Parse, train again, print."""
    from softreg.runs.run import open_run
    from softreg.training.reproduce import reproduce

    opened = open_run(run)
    found = reproduce(opened)
    if as_json:
        click.echo(json.dumps({"schema": 1, "run": str(opened.path), **asdict(found)}))
    else:
        click.echo(translate("reproduce.same" if found.same else "reproduce.not_same", path=opened.path, **asdict(found)))
        for reason in found.why:
            click.echo(f"  {reason}")
    return 0 if found.same else 1
