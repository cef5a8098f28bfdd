"""evaluate(): a run on its own test images, or on other data."""

import os
from dataclasses import replace
from typing import Any

from softreg.data.dataset import Dataset, Splits
from softreg.data.load import load_labelled
from softreg.inference.evaluation import Evaluation
from softreg.inference.evaluation import evaluate as evaluate_model
from softreg.runs.data import read_options, recipe_splits
from softreg.runs.run import Run, open_run


def evaluate(run: Run | str | os.PathLike[str], data: Any = None) -> Evaluation:
    """Evaluate the model of a run.

    Parameters
    ----------
    run : a `Run` or its path
    data : None for the test images of the run's recipe; else anything `softreg.train` takes, of which all images count if there is
        no test part

    Raises
    ------
    SoftregError
        If run or data cannot be read, or the data's classes or image size are not the model's.
    """
    run = run if isinstance(run, Run) else open_run(run)
    return evaluate_model(run.model(), evaluation_images(run, data))


def evaluation_images(run: Run, data: Any = None) -> Dataset:
    """The images that `evaluate` takes."""
    if data is None:
        return recipe_splits(run.recipe).test
    if isinstance(data, Splits | Dataset):
        return data.test if isinstance(data, Splits) else data
    model = run.model()
    options = replace(read_options(run.recipe), image_shape=model.image_shape)
    if isinstance(data, str | os.PathLike):
        return load_labelled(data, model.classes, options=options)
    from softreg.data.from_python import labelled_from_python

    return labelled_from_python(data, model.classes, options)
