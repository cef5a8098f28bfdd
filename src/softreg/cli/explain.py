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
    from softreg.inference.attribution import Attribution
    from softreg.inference.prediction import DigitPrediction

STDIN = "-"


@click.command("explain", Command, help="explain.help")
@click.argument("target", metavar="RUN|PICTURE")
@option("--model", "run", metavar="RUN", help="explain.model")
@option("--data", metavar="NAME_OR_PATH", help="explain.data")
@option("--out", metavar="PATH", help="explain.out")
@common_options
def command(target: str, run: str | None, data: str | None, out: str | None, as_json: bool) -> None:
    """Parse, explain, print."""
    if Path(target).is_dir():
        if run is not None:
            raise click.UsageError(translate("explain.model_for_a_run", target=target))
        payload = _explain_run(Path(target), data, out, quiet=as_json)
    else:
        payload = _explain_picture(target, run, out, quiet=as_json)
    if as_json:
        click.echo(json.dumps({"schema": 1, **payload}, ensure_ascii=False))


def _explain_picture(target: str, run: str | None, out: str | None, *, quiet: bool) -> dict[str, Any]:
    """Draw the evidence on one picture."""
    path = Path(out or f"{'stdin' if target == STDIN else Path(target).stem}-evidence.png")
    if path.suffix.lower() != ".png":
        raise click.UsageError(translate("explain.needs_png", path=path))
    from softreg.errors import PictureError
    from softreg.figures.evidence import evidence_on_picture
    from softreg.figures.house_style import save
    from softreg.imaging.picture import read_picture
    from softreg.inference.attribution import first_and_second
    from softreg.inference.prediction import predict
    from softreg.runs.run import load, pretrained_path

    picture = read_picture(sys.stdin.buffer if target == STDIN else target, name=target)
    if picture.reason is not None:
        raise PictureError("explain.nothing", picture=picture.name, reason=translate(picture.reason))
    model = load(run or pretrained_path("best"))
    (prediction,) = predict(model, [picture])
    explained = [(digit, *first_and_second(model, digit)) for digit in prediction.readings]
    save(evidence_on_picture(picture, explained), path)
    if not quiet:
        for digit, *attributions in explained:
            _print(digit, attributions)
        click.echo(translate("explain.saved", path=path))
    digits = [digit.to_json() | {"evidence": [part.to_json() for part in attributions]} for digit, *attributions in explained]
    return {"model": run or "best", "picture": picture.name, "digits": digits, "figures": [str(path)]}


def _print(digit: "DigitPrediction", attributions: "list[Attribution]") -> None:
    from softreg.inference.prediction import percent

    if digit.abstention_reason:
        click.echo(translate("explain.doubted", reason=translate(digit.abstention_reason)))
    for part in attributions:
        probability = percent(float(digit.probabilities[digit.classes.index(part.label)]))
        sums = {"pro": part.positive, "contra": part.negative, "logit": part.logit, "bias": part.bias}
        click.echo(translate("explain.line", label=part.label, probability=probability, **sums))


def _explain_run(folder: Path, data: str | None, out: str | None, *, quiet: bool) -> dict[str, Any]:
    """Draw what a run's classes look for, and the labels that look wrong to it."""
    from softreg.figures.classes import save_explanation
    from softreg.inference.explanation import explain_run
    from softreg.inference.label_issues import FOLDS
    from softreg.runs.run import FIGURES, open_run

    run = open_run(folder)

    def on_fold(fold: int) -> None:
        click.echo(translate("explain.fold", fold=fold + 1, folds=FOLDS), err=True)

    explanation = explain_run(run, on_fold, data=data)
    paths = save_explanation(explanation, Path(out) if out else folder / FIGURES)
    payload = {"run": str(run.path), **explanation.to_json(), "figures": [str(path) for path in paths]}
    if not quiet:
        for part, issues in payload["suspicious"].items():
            if issues:
                click.echo(translate("explain.suspicious_line", part=translate(f"explain.{part}"), count=len(issues), **issues[0]))
        for path in paths:
            click.echo(translate("explain.saved", path=path))
    return payload
