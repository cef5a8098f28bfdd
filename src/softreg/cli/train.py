"""`softreg train`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from softreg.cli.options import common_options, recipe_options
from softreg.ranks import follows
from softreg.recipe import PRESETS, Recipe
from softreg.words import say

if TYPE_CHECKING:
    from softreg.runs import Run
    from softreg.solvers import State

INTERRUPTED = 130
TRACKERS = ("tensorboard", "mlflow", "wandb")  # softreg.tracking's, which needs no import to be named


@click.command("train", help=say("train.help"))
@click.option(
    "--preset", default="tutorial", metavar="NAME", envvar="SOFTREG_PRESET", help=say("train.preset", choices=", ".join(PRESETS))
)
@click.option("--config", metavar="FILE", help=say("train.config"))
@click.option("--out", metavar="RUN", help=say("train.out"))
@click.option("--force", is_flag=True, help=say("train.force"))
@click.option("--resume", is_flag=True, help=say("train.resume"))
@click.option("--log-to", type=click.Choice(TRACKERS), help=say("tracking.help", choices=", ".join(TRACKERS)), metavar="NAME")
@recipe_options
@common_options
def command(
    preset: str, config: str | None, out: str | None, force: bool, resume: bool, log_to: str | None, as_json: bool, **flags: Any
) -> int:
    """Parse, train, print."""
    flags = {name: value for name, value in flags.items() if value is not None}
    chosen = config is not None or click.get_current_context().get_parameter_source("preset") is not ParameterSource.DEFAULT
    begun = _begun(out) if resume else None
    recipe = begun.changed(flags) if begun and not chosen else Recipe.layered(preset, config, flags)
    from softreg.device import choose_device
    from softreg.pipeline import follow, train

    if follows():
        follow(recipe)
        return 0
    if not as_json:
        click.echo(say("train.device", device=choose_device(recipe.device)))
    with _reporting(recipe, quiet=as_json) as report:
        run = train(recipe, out, name=preset, force=force, resume=resume, on_step=report, log_to=log_to)
    if as_json:
        click.echo(json.dumps(_as_json(run, preset)))
    else:
        _print(run)
    if run.ending.converged:
        return 0
    click.echo(f"softreg: {run.ending}", err=True)
    if run.ending.key != "interrupted":
        return 1
    click.echo(say("runs.resumable", path=run.path), err=True)
    return INTERRUPTED


def _begun(out: str | None) -> Recipe | None:
    """What was begun for the run `out`, to go on with; says so if there is nothing, or nothing left to do."""
    from softreg.checkpoints import unfinished_recipe
    from softreg.runs import finished_run

    if out is None:
        raise click.UsageError(say("runs.resume_needs_out"))
    if recipe := unfinished_recipe(Path(out)):
        return recipe
    run = finished_run(Path(out))
    click.echo(say("runs.finished" if run else "runs.nothing_to_resume", path=out), err=True)
    return run.recipe if run else None


@contextmanager
def _reporting(recipe: Recipe, *, quiet: bool) -> Iterator[Callable[["State"], None]]:
    """What to call after every step: prints the step's line, and moves a bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    sentence = "train.epoch" if recipe.solver == "sgd" else "train.iteration"
    total = recipe.epochs if recipe.solver == "sgd" else None
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        bar = progress.add_task(recipe.features, total=total)

        def report(state: "State") -> None:
            progress.update(bar, completed=state.steps)
            if not quiet:
                click.echo(say(sentence, step=state.steps, cost=state.cost))

        yield report


def _as_json(run: "Run", preset: str) -> dict[str, Any]:
    result = run.result
    return {
        "schema": 1,
        "run": str(run.path),
        "preset": preset,
        "cost": run.costs,
        "objective": result["objective"],
        "accuracy": result["evaluation"]["accuracy"],
        "train_seconds": result["train_seconds"],
        "peak_rss_mib": run.environment["peak_rss_mib"],
        "ending": {"converged": run.ending.converged, "sentence": str(run.ending)},
    }


def _print(run: "Run") -> None:
    """The lab's last lines, and where the run is."""
    result = run.result
    evaluation = result["evaluation"]
    low, high = evaluation["accuracy_interval"]
    click.echo(say("train.finished"))
    if result.get("l2_path"):
        click.echo(say("train.l2_chosen", l2=result["l2"], count=len(result["l2_path"])))
    if run.recipe.solver != "sgd" and run.ending.converged:
        click.echo(str(run.ending))
    click.echo(say("train.accuracy", accuracy=evaluation["accuracy"], low=low, high=high, n=evaluation["n"]))
    click.echo(say("train.label", label=result["sample"]["label"]))
    click.echo(say("train.prediction", prediction=result["sample"]["prediction"]))
    click.echo(say("train.saved", path=run.path, seconds=result["train_seconds"]))
