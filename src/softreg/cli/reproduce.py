"""`softreg reproduce`."""

import json

import click

from softreg.cli.options import Name, common_options, complete
from softreg.cli.progress import show_progress
from softreg.cli.translated import Command, option
from softreg.data.registry import DATASETS
from softreg.errors import FAILED
from softreg.messages import translate
from softreg.runs.pretrained import PRETRAINED


@click.command("reproduce", Command, help="reproduce.help", epilog="reproduce.examples")
@click.argument("run", metavar="RUN", shell_complete=complete(PRETRAINED))
@option("--data", type=Name(), metavar="NAME_OR_PATH", help="reproduce.data", shell_complete=complete(DATASETS))
@common_options
def command(run: str, data: str | None, as_json: bool) -> int:
    """Parse, train again, print."""
    from softreg.runs.run import open_run
    from softreg.training.reproduce import reproduce

    opened = open_run(run)
    with show_progress(lines=False):
        reproduction = reproduce(opened, data=data)
    if as_json:
        click.echo(json.dumps({"schema": 1, "run": str(opened.path), **reproduction.to_json()}))
    else:
        key = "reproduce.same" if reproduction.same else "reproduce.not_same"
        click.echo(translate(key, path=opened.path, **vars(reproduction)))
        for reason in reproduction.reasons:
            click.echo(f"  {reason}")
    return 0 if reproduction.same else FAILED
