"""Where a training begun on the page is saved: the first free folder of runs, in which only a whole run is left."""

from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from softreg.errors import RunError, ServingError, SoftregError
from softreg.optim.solver import State
from softreg.recipe import Recipe
from softreg.runs.run import Run, default_run_dirs

MAX_RUNS = 1000  # in the folder of runs: each takes half a megabyte of the disk
TAKEN = ("runs.in_the_way", "runs.not_a_run", "runs.in_use", "runs.unfinished")  # another folder is to be tried


def train_in_free_folder(recipe: Recipe, on_step: Callable[[State], None]) -> Run:
    """Train for the first free of runs/SOLVER, runs/SOLVER-2, ...; only a run that is whole is left behind.

    Checkpoints serve `softreg train --resume`. A training begun on the page is not resumed, so its checkpoints would only pile up.
    """
    from softreg.training.checkpoints import acquire
    from softreg.training.train import train

    for folder in islice(default_run_dirs(recipe.solver), MAX_RUNS):
        is_ours = True
        try:
            return train(recipe, folder, on_step=on_step)
        except RunError as error:
            is_ours = error.key not in TAKEN
            if is_ours:
                raise
        finally:
            if is_ours:
                with suppress(SoftregError, OSError):
                    acquire(folder, folder.name, force=True, resume=False).close(delete=True)
    raise ServingError("serving.too_many_runs", most=MAX_RUNS)
