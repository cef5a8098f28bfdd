"""`softreg explain`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from softreg.cli.options import Name, common_options, complete, force_option
from softreg.cli.translated import Command, option
from softreg.data.registry import DATASETS
from softreg.messages import translate
from softreg.runs.pretrained import PRETRAINED, READER, pretrained_path
from softreg.storage.destination import check_destination

STDIN = "-"
SHOWN = 5  # labels that look wrong, of each part; --json and the figures have more


@click.command("explain", Command, help="explain.help", epilog="explain.examples")
@click.argument("target", metavar="RUN|PICTURE", shell_complete=complete(PRETRAINED))
@option("--model", "run", type=Name(), metavar="RUN", help="explain.model", shell_complete=complete(PRETRAINED))
@option("--data", type=Name(), metavar="NAME_OR_PATH", help="explain.data", shell_complete=complete(DATASETS))
@option("--out", type=Name(), metavar="PATH", help="explain.out")
@force_option
@common_options
def command(target: str, run: str | None, data: str | None, out: str | None, force: bool, as_json: bool) -> None:
    """Parse, explain, print."""
    if Path(target).is_dir() or (target in PRETRAINED and not Path(target).exists()):
        if run is not None:
            raise click.UsageError(translate("explain.model_for_a_run", target=target))
        payload = _explain_run(target, data, out, force=force, quiet=as_json)
    else:
        payload = _explain_picture(target, run, out, force=force, quiet=as_json)
    if as_json:
        click.echo(json.dumps({"schema": 1, **payload}, ensure_ascii=False))


def _explain_picture(target: str, run: str | None, out: str | None, *, force: bool, quiet: bool) -> dict[str, Any]:
    """Draw the evidence on one picture."""
    path = Path(out or f"{'stdin' if target == STDIN else Path(target).stem}-evidence.png")
    if path.suffix.lower() != ".png":
        raise click.UsageError(translate("explain.needs_png", path=path))
    check_destination(path, force=force, inputs=[target])
    from softreg.api import explain
    from softreg.imaging.picture import read_picture

    picture = read_picture(sys.stdin.buffer if target == STDIN else target, name=target)
    explanation = explain(picture, run or pretrained_path(READER))
    explanation.save(path, force=force)
    if not quiet:
        click.echo(explanation)
        click.echo(translate("explain.saved", path=path))
    name, digits = explanation.picture.name, explanation.to_json()
    return {"model": run or READER, "picture": name, "digits": digits, "figures": [str(path)]}


def _explain_run(target: str, data: str | None, out: str | None, *, force: bool, quiet: bool) -> dict[str, Any]:
    """Draw what a run's classes look for, and the labels that look wrong to it."""
    from softreg.figures.classes import EXPLANATION_FIGURES, save_explanation
    from softreg.inference.explanation import explain_run
    from softreg.inference.label_issues import FOLDS
    from softreg.runs.run import FIGURES, open_run

    run = open_run(target)
    folder = Path(out or (run.path / FIGURES if run.path == Path(target) else f"{target}-figures"))  # no package is written into
    force = force or folder == run.path / FIGURES  # the run's own
    for name in EXPLANATION_FIGURES:
        check_destination(folder / f"{name}.png", force=force, new_folder=True)

    def on_fold(fold: int) -> None:
        click.echo(translate("explain.fold", fold=fold + 1, folds=FOLDS), err=True)

    explanation = explain_run(run, on_fold, data=data)
    paths = save_explanation(explanation, folder, force=force)
    payload = {"run": str(run.path), **explanation.to_json(), "figures": [str(path) for path in paths]}
    if not quiet:
        for part, issues in payload["suspicious"].items():
            _print_issues("validation" if part == "test" and run.recipe.validation else part, issues)
        for path in paths:
            click.echo(translate("explain.saved", path=path))
    return payload


def _print_issues(part: str, issues: list[dict[str, Any]]) -> None:
    """The labels that look most wrong, each with the name of its image, or its number."""
    if issues:
        click.echo(translate("explain.suspicious", part=translate(f"explain.{part}"), count=len(issues)))
    for issue in issues[:SHOWN]:
        name = issue["name"] or translate("explain.image_number", index=issue["index"])
        click.echo("  " + translate("explain.suspicious_line", **issue | {"name": name}))
