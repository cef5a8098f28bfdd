"""`softreg train`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from softreg.cli.options import Name, common_options, complete, flags_in_errors, recipe_options
from softreg.cli.progress import show_progress
from softreg.cli.translated import Command, option
from softreg.compute.distributed import is_worker
from softreg.errors import FAILED, INTERRUPTED
from softreg.features.choice import AUTO
from softreg.messages import translate
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import PRESETS, Recipe
from softreg.training.tracking import TRACKERS

if TYPE_CHECKING:
    from softreg.optim.solver import State
    from softreg.runs.run import Run

TAKES = {"best": "progress.best_takes", "record": "progress.record_takes"}  # slow presets: what is said before they begin


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
@option("--config", type=Name(), metavar="FILE", help="train.config")
@option("--out", type=Name(), metavar="RUN", help="train.out", shell_complete=complete(()))
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
    resumed = _recipe_to_resume(out) if resume and not is_worker() else None
    with flags_in_errors(flags):
        recipe = resumed.replace(flags) if resumed and not chosen else Recipe.merged(preset, config, flags)
    from softreg.compute.device import choose_device
    from softreg.training.train import train, train_worker

    if is_worker():
        train_worker(recipe)
        return 0
    if not as_json:
        click.echo(translate("train.device", device=choose_device(recipe.device)))
    for name, takes in TAKES.items():
        if recipe == Recipe.preset(name):
            click.echo(f"softreg: {translate(takes)}", err=True)
    on_step = (lambda state: None) if as_json else _print_step(recipe)
    with show_progress(lines=_has_long_stages(recipe)):
        run = train(recipe, out, name=preset, force=force, resume=resume, on_step=on_step, log_to=log_to)
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


def _print_step(recipe: Recipe) -> Callable[["State"], None]:
    """The callback that prints a line for every epoch or iteration."""
    message = f"train.{SOLVERS[recipe.solver].unit}"
    return lambda state: click.echo(translate(message, step=state.steps, cost=state.cost))


def _has_long_stages(recipe: Recipe) -> bool:
    """Whether there is more to wait for than the epochs or iterations, each of which prints its line."""
    return recipe.features != "pixels" or bool(recipe.calibration) or recipe.l2 == AUTO


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
