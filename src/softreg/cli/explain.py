"""`softreg explain`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from softreg.cli.options import common_options
from softreg.cli.translated import Command, option
from softreg.messages import translate

if TYPE_CHECKING:
    from softreg.inference.explanation import Evidence
    from softreg.inference.prediction import DigitPrediction

STDIN = "-"


@click.command("explain", Command, help="explain.help")
@click.argument("target", metavar="RUN|PICTURE")
@option("--model", "run", metavar="RUN", help="explain.model")
@option("--out", metavar="PATH", help="explain.out")
@common_options
def command(target: str, run: str | None, out: str | None, as_json: bool) -> None:
    """Parse, explain, print."""
    if Path(target).is_dir():
        if run is not None:
            raise click.UsageError(translate("explain.model_for_a_run", target=target))
        told = _run(Path(target), out, quiet=as_json)
    else:
        told = _picture(target, run, out, quiet=as_json)
    if as_json:
        click.echo(json.dumps({"schema": 1, **told}, ensure_ascii=False))


def _picture(target: str, run: str | None, out: str | None, *, quiet: bool) -> dict[str, Any]:
    """Draw the evidence on one picture."""
    path = Path(out or f"{'stdin' if target == STDIN else Path(target).stem}-evidence.png")
    if path.suffix.lower() != ".png":
        raise click.UsageError(translate("explain.needs_png", path=path))
    from softreg.errors import PictureError
    from softreg.figures.evidence import evidence_on_picture
    from softreg.figures.house_style import save
    from softreg.imaging.picture import read_picture
    from softreg.inference.explanation import first_and_second
    from softreg.inference.prediction import predict
    from softreg.runs.run import load, pretrained_path

    picture = read_picture(sys.stdin.buffer if target == STDIN else target, name=target)
    if picture.reason is not None:
        raise PictureError("explain.nothing", picture=picture.name, reason=translate(picture.reason))
    model = load(run or pretrained_path("best"))
    (prediction,) = predict(model, [picture])
    explained = [(reading, *first_and_second(model, reading)) for reading in prediction.readings]
    save(evidence_on_picture(picture, explained), path)
    if not quiet:
        for reading, *both in explained:
            _print(reading, both)
        click.echo(translate("explain.saved", path=path))
    digits = [reading.to_json() | {"evidence": [each.to_json() for each in both]} for reading, *both in explained]
    return {"model": run or "best", "picture": picture.name, "digits": digits, "figures": [str(path)]}


def _print(reading: "DigitPrediction", both: "list[Evidence]") -> None:
    from softreg.inference.prediction import percent

    if reading.doubt:
        click.echo(translate("explain.doubted", reason=translate(reading.doubt)))
    for each in both:
        facts = {"pro": each.speaking_for, "contra": each.speaking_against, "logit": each.logit, "bias": each.bias}
        probability = float(reading.probabilities[reading.classes.index(each.label)])
        click.echo(translate("explain.line", label=each.label, probability=percent(probability), **facts))


def _run(target: Path, out: str | None, *, quiet: bool) -> dict[str, Any]:
    """Draw what a run's classes look for, and which labels look wrong."""
    from softreg.figures.classes import save_explanation
    from softreg.inference.explanation import FOLDS, explain_run
    from softreg.runs.run import FIGURES, open_run

    run = open_run(target)
    explained = explain_run(run, lambda fold: click.echo(translate("explain.fold", fold=fold + 1, folds=FOLDS), err=True))
    paths = save_explanation(explained, Path(out) if out else target / FIGURES)
    told = {"run": str(run.path), **explained.to_json(), "figures": [str(path) for path in paths]}
    if not quiet:
        for part, found in told["suspicious"].items():
            if found:
                click.echo(translate("explain.suspicious_line", part=translate(f"explain.{part}"), count=len(found), **found[0]))
        for path in paths:
            click.echo(translate("explain.saved", path=path))
    return told
