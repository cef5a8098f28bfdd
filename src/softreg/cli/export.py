"""`softreg export`."""

import json
from pathlib import Path

import click

from softreg.cli.options import common_options
from softreg.cli.translated import Command, option
from softreg.messages import translate

FORMATS = ("onnx", "npz", "json")


@click.command("export", Command, help="export.help")
@click.argument("run", metavar="RUN")
@option("--format", "form", required=True, type=click.Choice(FORMATS), help="export.format")
@option("--out", metavar="FILE", help="export.out")
@option("--force", is_flag=True, help="export.force")
@common_options
def command(run: str, form: str, out: str | None, force: bool, as_json: bool) -> None:
    """Parse, export, print."""
    from softreg.export.formats import export
    from softreg.runs.run import open_run

    opened = open_run(run)
    path = Path(out or f"{opened.path.resolve().name}.{form}")
    export(opened.model(), form, path, force=force)
    size = path.stat().st_size
    if as_json:
        click.echo(json.dumps({"schema": 1, "run": str(opened.path), "format": form, "path": str(path), "bytes": size}))
    else:
        click.echo(translate("export.done", path=path, size=size))
