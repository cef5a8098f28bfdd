"""Progress on stderr: in a terminal a bar with the time left, elsewhere one line a stage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from softreg.compute.progress import Listener, listen
from softreg.messages import translate


@contextmanager
def show_progress(*, lines: bool, only: str | None = None) -> Iterator[None]:
    """Show what the block reports: a bar in a terminal; elsewhere, if `lines`, each stage once when it begins.

    `only` is the one stage to show, where others are parts of it.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar() as listener, listen(listener if only is None else _of_stage(only, listener)):
            yield
    else:
        with listen(_printer()) if lines else listen(lambda *_: None):
            yield


@contextmanager
def _bar() -> Iterator[Listener]:
    """Yield what updates one bar: the stage, how much of it is done, time elapsed and left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[part]}"), TimeElapsedColumn())
    left = TimeRemainingColumn(elapsed_when_finished=False)
    with Progress(*columns, left, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        shown: list[str] = []

        def listener(stage: str, done: int, total: int | None) -> None:
            if [stage] != shown:
                for task in progress.task_ids:
                    progress.remove_task(task)
                shown[:] = [stage]
                progress.add_task(translate(f"progress.{stage}"), total=total, part="")
            part = f"{done / total:.0%}" if total else f"{done}" if done else ""
            progress.update(progress.task_ids[0], completed=done, part=part)

        yield listener


def _of_stage(only: str, listener: Listener) -> Listener:
    """`listener`, which hears of no other stage."""
    return lambda stage, done, total: listener(stage, done, total) if stage == only else None


def _printer() -> Listener:
    """What prints the name of each stage once."""
    seen = set()

    def listener(stage: str, done: int, total: int | None) -> None:
        if stage not in seen:
            seen.add(stage)
            click.echo(f"softreg: {translate(f'progress.{stage}')} ...", err=True)

    return listener
