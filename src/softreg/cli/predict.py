"""`softreg predict`."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from softreg.cli.options import common_options
from softreg.cli.translated import Command, option
from softreg.messages import translate

STDIN = "-"


@click.command("predict", Command, help="predict.help")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@option("--model", "run", metavar="RUN", help="predict.model")
@option("--steps", metavar="DIR", help="predict.steps")
@common_options
def command(pictures: tuple[str, ...], run: str | None, steps: str | None, as_json: bool) -> int:
    """Parse, predict, print; 1 if some picture could not be read."""
    from softreg.errors import PictureError
    from softreg.imaging.contact_sheet import write_strip
    from softreg.inference.prediction import predict_each
    from softreg.runs.run import load, pretrained_path

    model = load(run or pretrained_path("best"))
    answers = predict_each(model, ((sys.stdin.buffer if name == STDIN else name, name) for name in pictures))
    payloads, errors = [], []
    for strip, answer in zip(_strips(pictures), answers, strict=True):
        if isinstance(answer, PictureError):
            errors.append(str(answer))
            click.echo(f"softreg: {answer}", err=True)
            continue
        payloads.append(answer.to_json())
        if steps is not None:
            write_strip(answer.picture, Path(steps, strip))
    if as_json:
        click.echo(json.dumps({"schema": 1, "model": run or "best", "predictions": payloads, "errors": errors}, ensure_ascii=False))
    elif payloads:
        _print(payloads)
    return 1 if errors else 0


def _strips(pictures: Sequence[str]) -> list[str]:
    """A file name for the strip of each picture: no two the same, and never a picture's own."""
    stems = ["stdin" if name == STDIN else Path(name).stem for name in pictures]
    seen: Counter[str] = Counter()
    names = []
    for stem in stems:
        seen[stem] += 1
        names.append(f"{stem}-steps{f'-{seen[stem]}' if seen[stem] > 1 else ''}.png")
    return names


def _print(payloads: Sequence[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from softreg.inference.prediction import percent

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(translate("predict.column_picture"), overflow="fold")
    table.add_column(translate("predict.column_label"), style="bold")
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
