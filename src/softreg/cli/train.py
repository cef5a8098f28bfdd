"""`softreg train`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from softreg.cli.options import common_options, complete, flags_in_errors, recipe_options
from softreg.cli.translated import Command, option
from softreg.compute.distributed import is_worker
from softreg.errors import FAILED, INTERRUPTED
from softreg.messages import translate
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import PRESETS, Recipe
from softreg.training.tracking import TRACKERS

if TYPE_CHECKING:
    from softreg.optim.solver import State
    from softreg.runs.run import Run


@click.command("train", Command, help="train.help", epilog="train.examples")
@option(
    "--preset",
    default="tutorial",
    show_default=True,
    metavar="NAME",
    envvar="SOFTREG_PRESET",
    shell_complete=complete(PRESETS),
    help="train.preset",
    help_params={"choices": ", ".join(PRESETS)},
)
@option("--config", metavar="FILE", help="train.config", shell_complete=complete(()))
@option("--out", metavar="RUN", help="train.out", shell_complete=complete(()))
@option("--force", is_flag=True, help="train.force")
@option("--resume", is_flag=True, help="train.resume")
@option(
    "--log-to",
    type=click.Choice(list(TRACKERS)),
    help="tracking.help",
    help_params={"choices": ", ".join(TRACKERS)},
    metavar="NAME",
)
@recipe_options
@common_options
def command(
    preset: str, config: str | None, out: str | None, force: bool, resume: bool, log_to: str | None, as_json: bool, **flags: Any
) -> int:
    """Parse, train, print."""
    flags = {name: value for name, value in flags.items() if value is not None}
    chosen = config is not None or click.get_current_context().get_parameter_source("preset") is not ParameterSource.DEFAULT
    resumed = _recipe_to_resume(out) if resume else None
    with flags_in_errors(flags):
        recipe = resumed.replace(flags) if resumed and not chosen else Recipe.merged(preset, config, flags)
    from softreg.compute.device import choose_device
    from softreg.training.train import train, train_worker

    if is_worker():
        train_worker(recipe)
        return 0
    if not as_json:
        click.echo(translate("train.device", device=choose_device(recipe.device)))
    with _reporting(recipe, quiet=as_json) as report:
        run = train(recipe, out, name=preset, force=force, resume=resume, on_step=report, log_to=log_to)
    if as_json:
        click.echo(json.dumps(_as_json(run, preset)))
    else:
        _print(run)
    if run.termination.converged:
        return 0
    click.echo(f"softreg: {run.termination}", err=True)
    if not run.termination.reason.is_early:
        return FAILED
    click.echo(translate("runs.resumable", path=run.path), err=True)
    return INTERRUPTED


def _recipe_to_resume(out: str | None) -> Recipe | None:
    """The recipe of the training of `out` to resume, or of the finished run; None, with a note on stderr, if there is neither."""
    from softreg.runs.run import finished_run
    from softreg.training.checkpoints import unfinished_recipe

    if out is None:
        raise click.UsageError(translate("runs.resume_needs_out"))
    if recipe := unfinished_recipe(Path(out)):
        return recipe
    run = finished_run(Path(out))
    click.echo(translate("runs.finished" if run else "runs.nothing_to_resume", path=out), err=True)
    return run.recipe if run else None


@contextmanager
def _reporting(recipe: Recipe, *, quiet: bool) -> Iterator[Callable[["State"], None]]:
    """Yield the callback for every step: it prints a line and advances a progress bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    message = f"train.{SOLVERS[recipe.solver].unit}"
    total = recipe.epochs if "epochs" in SOLVERS[recipe.solver].parameters else None
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        bar = progress.add_task(recipe.features, total=total)

        def report(state: "State") -> None:
            progress.update(bar, completed=state.steps)
            if not quiet:
                click.echo(translate(message, step=state.steps, cost=state.cost))

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
        "ending": {"converged": run.termination.converged, "sentence": str(run.termination)},
    }


def _print(run: "Run") -> None:
    """The last lines of the lab's output, and the path of the run."""
    result = run.result
    evaluation = result["evaluation"]
    low, high = evaluation["accuracy_interval"]
    click.echo(translate("train.finished"))
    if result.get("l2_path"):
        click.echo(translate("train.l2_chosen", l2=result["l2"], count=len(result["l2_path"])))
    if SOLVERS[run.recipe.solver].finds_optimum and run.termination.converged:
        click.echo(str(run.termination))
    key = "train.accuracy_validation" if run.recipe.validation else "train.accuracy"
    click.echo(translate(key, accuracy=evaluation["accuracy"], low=low, high=high, n=evaluation["n"]))
    click.echo(translate("train.label", label=result["sample"]["label"]))
    click.echo(translate("train.prediction", prediction=result["sample"]["prediction"]))
    click.echo(translate("train.saved", path=run.path, seconds=result["train_seconds"]))
