"""`softreg lab`."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from softreg.cli.options import Name, force_option, plain_options
from softreg.cli.translated import Command, option
from softreg.messages import language, translate

if TYPE_CHECKING:
    from softreg.lab.steps import Step


@click.command("lab", Command, help="lab.help", epilog="lab.examples")
@option("--out", type=Name(), default="softreg-lab", show_default=True, metavar="DIR", help="lab.out")
@option("--epochs", type=click.IntRange(1, 1000), metavar="INT", help="lab.epochs", shown_default="15")
@option("--pause", is_flag=True, help="lab.pause")
@option("--notebook", type=Name(), metavar="FILE", help="lab.notebook")
@force_option
@plain_options
def command(out: str, epochs: int | None, pause: bool, notebook: str | None, force: bool) -> None:
    """Run the lesson, or write it as a notebook."""
    if notebook:
        from softreg.lab.notebook import write_notebook

        write_notebook(Path(notebook), language(), epochs, force=force)
        click.echo(translate("lab.notebook_saved", path=notebook))
        return
    from softreg.lab.run import run_lesson

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # an epoch takes seconds; through a pipe, too, its line shows as it ends
    run_lesson(out, epochs=epochs, after_step=_wait if pause else lambda step: None)


def _wait(step: "Step") -> None:
    """Wait for a key; not at all without a terminal."""
    click.pause(translate("lab.press_key"), err=True)
