"""train(): from a recipe to a run folder."""

import json
import os
import random
import warnings
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from softreg.compute.defaults import default_torch
from softreg.compute.device import choose_device
from softreg.compute.distributed import ProcessGroup, is_restarted, process_group
from softreg.compute.progress import report
from softreg.data.dataset import Dataset, Splits
from softreg.errors import DataError, SoftregWarning
from softreg.features.choice import AUTO, choose_features
from softreg.inference.evaluation import Evaluation, evaluate
from softreg.model.serialization import save_model
from softreg.optim.solver import State
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import IN_MEMORY, Recipe
from softreg.runs.data import recipe_for, recipe_splits
from softreg.runs.environment import capture_environment, peak_rss_mib
from softreg.runs.run import ENVIRONMENT, FIGURES, METRICS, MODEL, RECIPE, Run, finished_run
from softreg.storage.atomic import atomic_directory
from softreg.training.checkpoint_file import state_from_bytes
from softreg.training.checkpoints import Checkpoints, check_same, interrupted_run, run_lock
from softreg.training.fit import Fit, fit
from softreg.training.tracking import TrackerSession


@default_torch()
def train(
    recipe: Recipe | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    data: Any = None,
    name: str | None = None,
    force: bool = False,
    resume: bool = False,
    on_step: Callable[[State], None] = lambda state: None,
    log_to: str | None = None,
    figures: bool = True,
) -> Run:
    """Train the model of `recipe`, evaluate it on the test images, and save both as a run.

    Parameters
    ----------
    recipe : what to train; None is `Recipe()`
    out : the run folder; None takes the first free of runs/NAME, runs/NAME-2, ...
    data : images and labels in place of the recipe's dataset: a path, a `Dataset`, (X, y), a dict of arrays, a DataFrame, a torch
        Dataset, ...; see `softreg.data.from_python.splits_from_python`
    name : NAME, by default the solver's
    force : replace the run that is in `out`
    resume : continue the interrupted training of `out`; the weights are the same as without the interruption. A finished run is
        returned as it is; if there is nothing to resume, training starts
    on_step : called with the solver's state after every epoch or iteration
    log_to : an experiment tracker, one of `softreg.training.tracking.TRACKERS`
    figures : whether to draw the figures of the run

    Raises
    ------
    SoftregError
        If the recipe does not fit the data, the data cannot be read, or a folder is in the way; nothing is left behind.

    Ctrl-C, or `StopMinimization` raised by `on_step`, ends the training early: the run holds the model as it is then, and its
    termination says which of the two it was.
    """
    recipe = recipe_for(recipe or Recipe(), data)
    if recipe.dataset != IN_MEMORY:
        recipe.check_dataset()
    with process_group(recipe.device) as group:
        name, restarted = name or recipe.solver, is_restarted()
        if restarted and out is None:
            out = interrupted_run(name, recipe)
        if (resume or (restarted and not force)) and out is not None and (run := finished_run(Path(out))):
            check_same(recipe.as_decided(run.recipe), run.recipe, run.path)
            _tell_workers(group, None)
            return run
        resume = resume or restarted
        with (
            run_lock(out, name, force=force, resume=resume) as checkpoints,
            TrackerSession(log_to, checkpoints.run, recipe) as tracking,
        ):

            def after_step(state: State) -> None:
                tracking.log(state.steps, {"cost": state.cost})
                on_step(state)

            fitted, evaluation = _fit_and_write(recipe, data, checkpoints, group, after_step, resume=resume, figures=figures)
            metrics = {"accuracy": evaluation.accuracy, "nll": evaluation.nll, "ece": evaluation.ece}
            tracking.log(len(fitted.costs), {"objective": fitted.objective} | metrics)
            checkpoints.close(delete=not fitted.termination.reason.is_early)
        return Run(checkpoints.run)


def _fit_and_write(
    recipe: Recipe,
    data: Any,
    checkpoints: Checkpoints,
    group: ProcessGroup | None,
    after_step: Callable[[State], None],
    *,
    resume: bool,
    figures: bool,
) -> tuple[Fit, Evaluation]:
    """Fit, evaluate and write a run, with checkpoints on the way."""
    splits = recipe_splits(recipe, data)
    recipe = _with_features(recipe, splits.train)
    start = checkpoints.resume if resume and checkpoints.has_recipe else checkpoints.begin
    resume_from = start(recipe, splits.train.sha256(), choose_device(recipe.device))
    _tell_workers(group, recipe, b"" if resume_from is None else checkpoints.to_bytes(resume_from))
    _check_same_data(group, splits.train)
    fitted = fit(recipe, splits.train, after_step, resume_from=resume_from, on_checkpoint=checkpoints.save, group=group)
    if fitted.termination.reason.is_early:
        checkpoints.save(fitted.state, force=True)
    report("evaluation")
    evaluation = evaluate(fitted.model, splits.test)
    with atomic_directory(checkpoints.run) as folder:
        write_run(folder, recipe, splits, fitted, evaluation, figures=figures)
    return fitted, evaluation


def _with_features(recipe: Recipe, data: Dataset) -> Recipe:
    """The recipe with the feature map that `auto` chooses for the training images, with one line that says why."""
    if recipe.features == AUTO:
        choice = choose_features(len(data), data.image_shape)
        warnings.warn(str(choice), SoftregWarning, stacklevel=3)
    return recipe.for_images(len(data), data.image_shape)


@default_torch()
def train_worker(recipe: Recipe) -> None:
    """What the ranks above 0 run while rank 0 runs `train`: the same fit, each on its shard of the images."""
    with process_group(recipe.device) as group:
        if group is None or not (toml := group.broadcast()):
            return
        recipe, raw = Recipe.from_toml(toml.decode()), group.broadcast()
        resume_from = state_from_bytes(raw, recipe.solver, choose_device(recipe.device)) if raw else None
        data = recipe_splits(recipe).train
        _check_same_data(group, data)
        fit(recipe, data, resume_from=resume_from, group=group)


def _tell_workers(group: ProcessGroup | None, recipe: Recipe | None, checkpoint: bytes = b"") -> None:
    """Tell the other ranks what to train and from where; or, without a recipe, that there is nothing to train.

    Only now can they read the data: rank 0 may have had to fetch it.
    """
    if group:
        group.broadcast(b"" if recipe is None else recipe.to_toml().encode())
    if group and recipe:
        group.broadcast(checkpoint)


def _check_same_data(group: ProcessGroup | None, data: Dataset) -> None:
    """Raise a DataError on a rank that has read other data than rank 0, e.g. from a folder of another machine."""
    if group is None:
        return
    fingerprint = data.fingerprint()
    if group.broadcast(fingerprint) != fingerprint:
        raise DataError("ranks.other_data", rank=group.rank)


def sample_index(seed: int, n: int) -> int:
    """The random test image the lab shows: `random.seed(seed); random.randint(0, n - 1)`, without touching the global generator."""
    return random.Random(seed).randint(0, n - 1)


def write_run(folder: Path, recipe: Recipe, splits: Splits, fitted: Fit, evaluation: Evaluation, *, figures: bool) -> None:
    """Write all files of a run into `folder`."""
    model_sha256 = save_model(fitted.model, folder / MODEL)
    (folder / RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
    if figures:
        report("figures")
        _draw(folder / FIGURES, recipe, splits, fitted, evaluation)
    environment = capture_environment(fitted.model.linear.weight.device) | {
        "data_sha256": {"train": splits.train.sha256(), "test": splits.test.sha256()} | _outliers_sha256(recipe),
        "train_seconds": fitted.seconds,
        "peak_rss_mib": peak_rss_mib(),
    }
    (folder / ENVIRONMENT).write_text(json.dumps(environment, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    lines: list[dict[str, Any]] = [{"step": step, "cost": cost} for step, cost in enumerate(fitted.costs, start=1)]
    lines.append(_result(recipe, splits, fitted, evaluation) | {"model_sha256": model_sha256})
    (folder / METRICS).write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _outliers_sha256(recipe: Recipe) -> dict[str, str]:
    """The digest of the file of outliers, if the recipe has one."""
    return {"outliers": sha256(Path(recipe.outliers).read_bytes()).hexdigest()} if recipe.outliers else {}


def _draw(folder: Path, recipe: Recipe, splits: Splits, fitted: Fit, evaluation: Evaluation) -> None:
    from softreg.figures.house_style import save
    from softreg.figures.l2_path import l2_curve
    from softreg.figures.run_figures import save_figures

    unit, sample = SOLVERS[recipe.solver].unit, sample_index(recipe.seed, len(splits.test))
    validation = recipe.validation > 0
    save_figures(folder, fitted.model, fitted.costs, unit, evaluation, splits.test, sample, validation=validation)
    if fitted.path:
        save(l2_curve(fitted.path), folder / "l2-path.png")


def _result(recipe: Recipe, splits: Splits, fitted: Fit, evaluation: Evaluation) -> dict[str, Any]:
    """The last line of the metrics: why training ended, and the evaluation."""
    index = sample_index(recipe.seed, len(splits.test))
    classes = splits.test.classes
    sample = {
        "index": index,
        "label": classes[int(splits.test.labels[index])],
        "prediction": classes[int(evaluation.predictions[index])],
    }
    return {
        "objective": fitted.objective,
        "l2": fitted.l2,
        "l2_path": [asdict(point) for point in fitted.path],
        "ending": fitted.termination.to_json(),
        "evaluation": evaluation.to_json(),
        "sample": sample,
        "temperature": fitted.temperature,
        "train_seconds": fitted.seconds,
    }
