"""The data of a recipe: from its files, or passed from Python in their place."""

import os
from pathlib import PureWindowsPath
from typing import Any

from softreg.data.dataset import Splits
from softreg.data.forms.source import ReadOptions
from softreg.data.load import hold_out, load_splits
from softreg.errors import DataError
from softreg.features.choice import AUTO, EMBEDDINGS, PIXELS
from softreg.recipe import IN_MEMORY, Recipe
from softreg.runs.run import Run


def read_options(recipe: Recipe) -> ReadOptions:
    """How the recipe says its files are read."""
    embeddings = None if recipe.features in (AUTO, PIXELS) else recipe.features == EMBEDDINGS
    return ReadOptions(recipe.image_size, recipe.label, recipe.skip_bad, recipe.split, recipe.group, embeddings=embeddings)


def recipe_for(recipe: Recipe, data: Any) -> Recipe:
    """The recipe that a run on `data` records: a path or name becomes its dataset, anything else is `IN_MEMORY`."""
    if data is None:
        return recipe
    return recipe.replace({"dataset": os.fspath(data) if isinstance(data, str | os.PathLike) else IN_MEMORY})


def recipe_splits(recipe: Recipe, data: Any = None) -> Splits:
    """What `recipe` trains and is evaluated on: its dataset, or `data` in its place (see `softreg.data.from_python`).

    Raises
    ------
    DataError
        If the data cannot be read, or the recipe is of a run that was trained on data passed from Python and `data` is None.
    """
    options = read_options(recipe)
    if isinstance(data, str | os.PathLike):
        recipe = recipe_for(recipe, data)
    elif data is not None:
        from softreg.data.from_python import splits_from_python

        splits = splits_from_python(data, options=options, seed=recipe.seed)
        return hold_out(splits, recipe.validation, seed=recipe.seed, stratify=recipe.takes_the_last)
    if recipe.dataset == IN_MEMORY:
        raise DataError("dataset.in_memory")
    if not recipe.dataset_exists:
        raise DataError("dataset.gone", dataset=recipe.dataset)
    return load_splits(recipe.dataset, recipe.validation, options=options, seed=recipe.seed, stratify=recipe.takes_the_last)


def run_splits(run: Run, data: Any = None) -> Splits:
    """What `run` was trained and is evaluated on, or `data` in its place.

    Raises
    ------
    DataError
        If the data cannot be read, or the run says they are on another machine and `data` does not confirm it.
    """
    if data is None and is_on_another_machine(run.recipe.dataset):
        raise DataError("dataset.elsewhere", dataset=run.recipe.dataset)
    return recipe_splits(run.recipe, data)


def is_on_another_machine(dataset: str) -> bool:
    r"""Whether a path names a machine, `\\HOST\SHARE`: Windows tells that machine who the user is when the path is looked for."""
    return PureWindowsPath(dataset).drive.startswith("\\\\") and not (os.sep == "/" and dataset.startswith("/"))
