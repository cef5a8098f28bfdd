"""`softreg lab`."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from softreg.cli.options import plain_options
from softreg.messages import language, translate

if TYPE_CHECKING:
    from softreg.lab.steps import Step


@click.command("lab", help=translate("lab.help"))
@click.option("--out", default="softreg-lab", metavar="DIR", help=translate("lab.out"))
@click.option("--epochs", type=click.IntRange(1, 1000), metavar="INT", help=translate("lab.epochs"))
@click.option("--pause", is_flag=True, help=translate("lab.pause"))
@click.option("--notebook", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=translate("lab.notebook"))
@plain_options
def command(out: str, epochs: int | None, pause: bool, notebook: Path | None) -> None:
    """Parse, walk."""
    if notebook:
        from softreg.lab.notebook import write_notebook

        write_notebook(notebook, language(), epochs)
        click.echo(translate("lab.notebook_saved", path=notebook))
        return
    from softreg.lab.run import run_lesson

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # an epoch takes seconds: who reads through a pipe sees it when it ends
    run_lesson(out, epochs=epochs, after=_wait if pause else lambda step: None)


def _wait(step: "Step") -> None:
    """Until a key is pressed; not at all where nobody could press one."""
    click.pause(translate("lab.press_key"), err=True)
