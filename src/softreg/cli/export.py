"""`softreg export`."""

import json
from pathlib import Path

import click

from softreg.cli.options import Name, common_options, complete, force_option
from softreg.cli.translated import Command, option
from softreg.exporting.registry import FORMATS
from softreg.messages import Choices, translate
from softreg.runs.pretrained import PRETRAINED
from softreg.storage.destination import check_destination

CHOICES = Choices({name: file_format.help for name, file_format in FORMATS.items()})


@click.command("export", Command, help="export.help", epilog="export.examples")
@click.argument("run", metavar="RUN", shell_complete=complete(PRETRAINED))
@option(
    "--format",
    "file_format",
    required=True,
    type=click.Choice(tuple(FORMATS)),
    help="export.format",
    help_params={"choices": CHOICES},
)
@option("--out", type=Name(), metavar="FILE", help="export.out")
@force_option
@common_options
def command(run: str, file_format: str, out: str | None, force: bool, as_json: bool) -> None:
    """Parse, export, print."""
    from softreg.exporting.export import export
    from softreg.runs.run import MODEL, open_run

    opened = open_run(run)
    path = Path(out or f"{opened.path.resolve().name}.{file_format}")
    check_destination(path, force=force, inputs=[opened.path / MODEL])
    export(opened.model(), file_format, path, force=force)
    size = path.stat().st_size
    if as_json:
        payload = {"schema": 1, "run": str(opened.path), "format": file_format, "path": str(path), "bytes": size}
        click.echo(json.dumps(payload))
    else:
        click.echo(translate("export.done", path=path, size=size))
