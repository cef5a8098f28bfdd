"""kill -9 during training, at random moments and at every file operation; then --resume must give the very same model file."""

import hashlib
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from softreg.recipe import Recipe
from softreg.runs.run import MODEL
from softreg.training.train import train as train_with_figures
from torture.count import Count
from torture.forked import forked

CALLS = "write,fsync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,openat,flock,ftruncate"  # what touches files
train = partial(train_with_figures, figures=False)  # else a short training spends most of its time in matplotlib


def resumed(recipe: Recipe, run: Path) -> Callable[[], object]:
    """Training with --resume, which must work whatever happened before."""
    return partial(train, recipe, run, resume=True)


def reference(recipe: Recipe, scratch: Path) -> tuple[str, float]:
    """The model file's SHA-256 and the seconds of an undisturbed training."""
    run, start = scratch / "reference", time.monotonic()
    outcome = forked(lambda: train(recipe, run, force=True), scratch=scratch)
    assert outcome.code == 0, outcome.error
    return sha256_of(run), time.monotonic() - start


def kill_at_random(recipe: Recipe, scratch: Path, kills: int, seed: int) -> Count:
    """Train until `kills` kills were survived, each at a random moment; a training may be killed several times."""
    sha256, seconds = reference(recipe, scratch)
    rng, count, trainings = random.Random(seed), Count(), 0
    while count.done < kills:
        run, trainings = _fresh(scratch), trainings + 1
        while forked(resumed(recipe, run), kill_after=rng.uniform(0, seconds), scratch=scratch).code != 0:
            count.done += 1
            if rng.random() < 0.5:
                break
        _finish(recipe, run, sha256, scratch, count, f"{recipe.solver} seed {seed} training {trainings}")
    return count


def kill_at_every_call(recipe: Recipe, scratch: Path, *, force: bool = False, stride: int = 1) -> Count:
    """Kill one training at each file operation (or each `stride`-th) of a whole training, then resume it.

    With `force` the training replaces an existing run, which must be intact after every kill.
    """
    sha256, _ = reference(recipe, scratch)
    count, number = Count(), 0
    while True:
        number += stride
        run = _fresh(scratch)
        if force:
            shutil.copytree(scratch / "reference", run)
        work = partial(train, recipe, run, force=True) if force else resumed(recipe, run)
        outcome = forked(work, inject=f"signal=KILL:when={number}", calls=CALLS, scratch=scratch)
        if outcome.code == 0:
            return count
        count.done += 1
        if force and sha256_of(run) != sha256:
            count.failures.append(f"{recipe.solver} call {number}: the old run is damaged")
        _finish(recipe, run, sha256, scratch, count, f"{recipe.solver} call {number}")


def _finish(recipe: Recipe, run: Path, sha256: str, scratch: Path, count: Count, name: str) -> None:
    """Resume once more without a kill, and check the result."""
    outcome = forked(resumed(recipe, run), scratch=scratch)
    if outcome.code != 0:
        count.failures.append(f"{name}: {outcome.error}")
    elif sha256_of(run) != sha256:
        count.failures.append(f"{name}: other weights")
    elif _names(run.parent) != [run.name]:
        forked(lambda: train(recipe, run, force=True), scratch=scratch)  # the next write removes temporary files
        if _names(run.parent) != [run.name]:
            count.failures.append(f"{name}: left behind {_names(run.parent)}")


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _fresh(scratch: Path) -> Path:
    folder = scratch / "runs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / "run"


def sha256_of(run: Path) -> str:
    """The SHA-256 of a run's model file."""
    return hashlib.sha256((run / MODEL).read_bytes()).hexdigest()
