"""`softreg reproduce`."""

import json
from dataclasses import asdict

import click

from softreg.cli.options import common_options
from softreg.words import say


@click.command("reproduce", help=say("reproduce.help"))
@click.argument("run", metavar="RUN")
@common_options
def command(run: str, as_json: bool) -> int:
    """Parse, train again, print."""
    from softreg.reproduction import reproduce
    from softreg.runs import open_run

    opened = open_run(run)
    found = reproduce(opened)
    if as_json:
        click.echo(json.dumps({"schema": 1, "run": str(opened.path), **asdict(found)}))
    else:
        click.echo(say("reproduce.same" if found.same else "reproduce.not_same", path=opened.path, **asdict(found)))
        for reason in found.why:
            click.echo(f"  {reason}")
    return 0 if found.same else 1
