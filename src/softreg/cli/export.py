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
@option("--images", metavar="N", type=click.IntRange(0, 60_000), help="export.images")
@force_option
@common_options
def command(run: str, file_format: str, out: str | None, images: int | None, force: bool, as_json: bool) -> None:
    """Parse, export, print."""
    from softreg.exporting.export import export
    from softreg.runs.run import MODEL, open_run

    opened = open_run(run)
    is_folder = FORMATS[file_format].is_folder
    name = opened.path.resolve().name
    path = Path(out or (f"{name}-{file_format}" if is_folder else f"{name}.{file_format}"))
    if not is_folder:
        check_destination(path, force=force, inputs=[opened.path / MODEL])
    export(opened.model(), file_format, path, force=force, images=images)
    size = sum(file.stat().st_size for file in (path.iterdir() if is_folder else [path]))
    if as_json:
        payload = {"schema": 1, "run": str(opened.path), "format": file_format, "path": str(path), "bytes": size}
        click.echo(json.dumps(payload))
    else:
        click.echo(translate("export.done", path=path, size=size))
