"""evaluate(): a run on its own test images, or on other data."""

import os
import warnings
from contextlib import suppress
from typing import Any

from softreg.compute.defaults import default_torch
from softreg.data.assemble import hold_out_test
from softreg.data.dataset import Dataset, Splits
from softreg.data.load import hold_out, load_labelled
from softreg.data.polarity import count_inverted, tell_inverted
from softreg.errors import SoftregError, SoftregWarning
from softreg.inference.evaluation import Evaluation
from softreg.inference.evaluation import evaluate as evaluate_model
from softreg.messages import translate
from softreg.runs.data import read_options, run_splits
from softreg.runs.run import Run, open_run


@default_torch()
def evaluate(run: Run | str | os.PathLike[str], data: Any = None) -> Evaluation:
    """Evaluate the model of a run.

    Parameters
    ----------
    run : a `Run` or its path
    data : None for the test images of the run's recipe; otherwise anything that `softreg.train` takes. If it has no test part, all
        images are used, except those that the run was trained on

    Raises
    ------
    SoftregError
        If run or data cannot be read, or the data's classes or image size are not the model's.
    """
    run = run if isinstance(run, Run) else open_run(run)
    return evaluate_model(run.model(), evaluation_images(run, data))


@default_torch()
def evaluation_images(run: Run, data: Any = None) -> Dataset:
    """The images that `evaluate` takes."""
    if data is None:
        return run_splits(run).test
    if isinstance(data, Splits | Dataset):
        return data.test if isinstance(data, Splits) else data
    model = run.model()
    options = read_options(run.recipe).for_model(model.image_shape)
    if isinstance(data, str | os.PathLike):
        found = load_labelled(data, model.classes, options=options)
    else:
        from softreg.data.from_python import labelled_from_python

        found = labelled_from_python(data, model.classes, options)
    images = _unseen(run, found)
    if count := count_inverted(images.images, model.ground):
        tell_inverted(translate("dataset.of_evaluated", count=count, n=len(images)), model.ground, images.name)
    return images


def _unseen(run: Run, data: Dataset) -> Dataset:
    """The images that the run held out of `data`, if it was trained on the others; else all. A warning says so."""
    recipe, trained_on = run.recipe, run.environment["data_sha256"].get("train")
    if len(data) < 2 or trained_on is None:
        return data
    if data.sha256() == trained_on:
        warnings.warn(translate("evaluation.training_images", data=data.name), SoftregWarning, stacklevel=3)
        return data
    with suppress(SoftregError):  # too few images to hold as many out
        splits = hold_out_test(data, recipe.seed)
        splits = hold_out(splits, recipe.validation, seed=recipe.seed, stratify=recipe.takes_the_last)
        if splits.train.sha256() == trained_on:
            counts = {"count": len(splits.test), "n": len(data)}
            warnings.warn(translate("evaluation.held_out", data=data.name, **counts), SoftregWarning, stacklevel=3)
            return splits.test
    return data
