"""`softreg predict`."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from softreg.cli.options import Name, common_options, complete, force_option
from softreg.cli.progress import show_progress
from softreg.cli.translated import Command, option
from softreg.compute.progress import track
from softreg.data.registry import DATASETS
from softreg.messages import translate
from softreg.runs.pretrained import PRETRAINED, READER
from softreg.storage.destination import check_destination

STDIN = "-"
TABLES = (".csv", ".csv.gz", ".npz", ".npy", ".parquet", ".mat", ".safetensors")  # no pictures: taken for --dataset


@click.command("predict", Command, help="predict.help", epilog="predict.examples")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, shell_complete=complete(()))
@option("--dataset", type=Name(), metavar="NAME_OR_PATH", help="predict.dataset", shell_complete=complete(DATASETS))
@option("--csv", "answers_path", type=Name(), metavar="FILE", help="predict.csv")
@option("--probabilities", is_flag=True, help="predict.probabilities")
@option("--model", "run", type=Name(), metavar="RUN", help="predict.model", shell_complete=complete(PRETRAINED))
@option("--steps", type=Name(), metavar="DIR", help="predict.steps")
@force_option
@common_options
def command(
    pictures: tuple[str, ...],
    dataset: str | None,
    answers_path: str | None,
    probabilities: bool,
    run: str | None,
    steps: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Parse, predict, print; 1 if some picture could not be read."""
    if dataset is None and len(pictures) == 1 and pictures[0].lower().endswith(TABLES):
        dataset, pictures = pictures[0], ()
    if dataset is None and not pictures:
        context = click.get_current_context()
        raise click.MissingParameter(ctx=context, param=context.command.params[0])
    if dataset is not None and pictures:
        raise click.UsageError(translate("predict.pictures_or_dataset"))
    if dataset is not None:
        return _dataset(dataset, run, answers_path, probabilities=probabilities, force=force, as_json=as_json)
    if answers_path or probabilities:
        raise click.UsageError(translate("predict.csv_needs_dataset"))
    return _pictures(tuple(_in_folders(pictures)), run, steps, force=force, as_json=as_json)


def _pictures(pictures: Sequence[str], run: str | None, steps: str | None, *, force: bool, as_json: bool) -> int:
    """Print what is read in each picture, write its steps if asked; 1 if some picture could not be read."""
    strips = [Path(steps or "", name) for name in _strips(pictures)]
    for strip in strips if steps is not None else ():
        check_destination(strip, force=force, inputs=pictures, new_folder=True)
    from softreg.errors import PictureError
    from softreg.imaging.contact_sheet import write_strip
    from softreg.inference.prediction import predict_each
    from softreg.runs.pretrained import pretrained_path
    from softreg.runs.run import load

    model = load(run or pretrained_path(READER))
    answers = predict_each(model, ((sys.stdin.buffer if name == STDIN else name, name) for name in pictures))
    payloads, errors = [], []
    with show_progress(lines=False, only="pictures"):
        for strip, answer in zip(strips, track(answers, "pictures", len(pictures)), strict=True):
            if isinstance(answer, PictureError):
                errors.append(str(answer))
                click.echo(f"softreg: {answer}", err=True)
                continue
            payloads.append(answer.to_json())
            if steps is not None:
                write_strip(answer.picture, strip, replace=force)
    if as_json:
        click.echo(json.dumps({"schema": 1, "model": run or READER, "predictions": payloads, "errors": errors}, ensure_ascii=False))
    elif payloads:
        _print(payloads)
    return 1 if errors else 0


def _dataset(dataset: str, run: str | None, path: str | None, *, probabilities: bool, force: bool, as_json: bool) -> int:
    """Write a line of CSV for each image of a dataset, to a file or to stdout."""
    if as_json and path is None:
        raise click.UsageError(translate("predict.json_needs_csv"))
    if path is not None:
        check_destination(Path(path), force=force, inputs=[dataset])
    from softreg.inference.answers import answers
    from softreg.runs.data import read_options
    from softreg.runs.pretrained import pretrained_path
    from softreg.runs.run import open_run
    from softreg.storage.atomic import atomic_file

    opened = open_run(run or pretrained_path("best"))
    with _counting() as on_rows:
        lines = answers(opened.model(), dataset, options=read_options(opened.recipe), probabilities=probabilities, on_rows=on_rows)
        if path is None:
            for line in lines:
                click.echo(line, nl=False)
            return 0
        with atomic_file(Path(path), replace=force) as file:
            n = sum(bool(file.write(line.encode())) for line in lines) - 1  # but the header
    if as_json:
        click.echo(json.dumps({"schema": 1, "model": run or "best", "dataset": dataset, "n": n, "csv": path}, ensure_ascii=False))
    else:
        click.echo(translate("predict.csv_saved", n=n, path=path))
    return 0


@contextmanager
def _counting() -> Iterator[Callable[[int, float], None]]:
    """Yield what shows a bar and the number of images answered, on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.fields[images]:,}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0, images=0)
        yield lambda images, share: progress.update(task, completed=share, images=images)


def _in_folders(names: Sequence[str]) -> Iterator[str]:
    """The pictures named, and in place of a folder the files in it, by name; an empty folder stays, to be refused."""
    for name in names:
        paths = sorted(Path(name).iterdir()) if Path(name).is_dir() else []
        yield from [str(path) for path in paths if path.is_file() and not path.name.startswith(".")] or [name]


def _strips(pictures: Sequence[str]) -> list[str]:
    """A file name for the strip of each picture: no two the same, also where the case of letters makes no difference."""
    stems = ["stdin" if name == STDIN else Path(name).stem for name in pictures]
    seen: Counter[str] = Counter()
    names = []
    for stem in stems:
        seen[stem.casefold()] += 1
        number = seen[stem.casefold()]
        names.append(f"{stem}-steps{f'-{number}' if number > 1 else ''}.png")
    return names


def _print(payloads: Sequence[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from softreg.inference.prediction import percent

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(translate("predict.column_picture"), overflow="fold")
    digits = all(len(name) == 1 and name.isdecimal() for name in payloads[0]["probabilities"])
    table.add_column(translate("predict.column_digits" if digits else "predict.column_class"), style="bold")
    table.add_column(translate("predict.column_probability"), justify="right", no_wrap=True)
    table.add_column(translate("predict.column_remark"), overflow="fold")
    for payload in payloads:
        probability = "" if payload["abstained"] else percent(payload["probability"])
        table.add_row(payload["picture"], _answer(payload), probability, "; ".join(_remarks(payload)))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe has no edge to cut at
    console.print(table)


def _answer(payload: dict[str, Any]) -> str:
    """The lines of digits if any digit is named, with a question mark for each that is not; else a dash."""
    named = any(digit["label"] is not None for digit in payload["digits"])
    return "\n".join(payload["lines"]) if named else "-"


def _remarks(payload: dict[str, Any]) -> list[str]:
    """The notes, or why some digits are not named."""
    if not payload["abstained"]:
        return list(payload["notes"])
    unnamed, count = sum(digit["abstained"] for digit in payload["digits"]), len(payload["digits"])
    if not 0 < unnamed < count:
        return [payload["reason"]]
    return [translate("predict.unnamed", unnamed=unnamed, count=count, reason=payload["reason"])]
