"""kill -9 during training, at random moments and at every file operation; then --resume must end with the very same model file."""

import hashlib
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import softreg.figures
from softreg.recipe import Recipe
from softreg.runs.run import MODEL
from softreg.training.train import train
from torture.forked import forked

CALLS = "write,fsync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,openat,flock,ftruncate"  # what touches files


@dataclass
class Kills:
    """What came of it: how many trainings were killed, and how often; `bad` tells the ones that did not come back the same."""

    trainings: int
    kills: int
    bad: list[str]


def draw_little() -> None:
    """One small file in the place of five figures: most of a short training's seconds would be spent in matplotlib otherwise."""
    setattr(softreg.figures, "save_figures", _little_figure)  # noqa: B010 - its signature does not matter


def _little_figure(folder: Path, *_: object) -> None:
    folder.mkdir()
    (folder / "figure.png").write_bytes(bytes(10_000))


def resumed(recipe: Recipe, run: Path) -> Callable[[], object]:
    """What a user does who knows nothing: says --resume, whatever happened."""
    return partial(train, recipe, run, resume=True)


def reference(recipe: Recipe, scratch: Path) -> tuple[str, float]:
    """The model file's SHA-256 when nothing happens, and how many seconds that takes."""
    run, began = scratch / "reference", time.monotonic()
    outcome = forked(lambda: train(recipe, run, force=True), scratch=scratch)
    assert outcome.code == 0, outcome.error
    return _sha256(run), time.monotonic() - began


def kill_at_random(recipe: Recipe, scratch: Path, kills: int, seed: int) -> Kills:
    """Train until `kills` kills have been survived, a training being killed once or more, each time anywhere in its course."""
    right, seconds = reference(recipe, scratch)
    draw, result = random.Random(seed), Kills(0, 0, [])
    while result.kills < kills:
        run, result.trainings = _fresh(scratch), result.trainings + 1
        while forked(resumed(recipe, run), kill_after=draw.uniform(0, seconds), scratch=scratch).code != 0:
            result.kills += 1
            if draw.random() < 0.5:
                break
        _finish(recipe, run, right, scratch, result, f"{recipe.solver} seed {seed} training {result.trainings}")
    return result


def kill_at_every_call(recipe: Recipe, scratch: Path, *, force: bool = False, every: int = 1) -> Kills:
    """One training for each file operation of a whole training (or every `every`-th), killed just there, then resumed.

    With `force` the training replaces a run that is there, which must be there, whole, after every kill.
    """
    right, _ = reference(recipe, scratch)
    result, number = Kills(0, 0, []), 0
    while True:
        number += every
        run = _fresh(scratch)
        if force:
            shutil.copytree(scratch / "reference", run)
        work = partial(train, recipe, run, force=True) if force else resumed(recipe, run)
        outcome = forked(work, inject=f"signal=KILL:when={number}", calls=CALLS, scratch=scratch)
        if outcome.code == 0:
            return result
        result.trainings, result.kills = result.trainings + 1, result.kills + 1
        if force and _sha256(run) != right:
            result.bad.append(f"{recipe.solver} call {number}: the run that was there is not whole")
        _finish(recipe, run, right, scratch, result, f"{recipe.solver} call {number}")


def _finish(recipe: Recipe, run: Path, right: str, scratch: Path, result: Kills, name: str) -> None:
    """The last resume, which nobody kills, and what must be true afterwards."""
    outcome = forked(resumed(recipe, run), scratch=scratch)
    if outcome.code != 0:
        result.bad.append(f"{name}: {outcome.error}")
    elif _sha256(run) != right:
        result.bad.append(f"{name}: other weights")
    elif _names(run.parent) != [run.name]:
        forked(lambda: train(recipe, run, force=True), scratch=scratch)  # temporaries go with the next write
        if _names(run.parent) != [run.name]:
            result.bad.append(f"{name}: left behind {_names(run.parent)}")


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def _fresh(scratch: Path) -> Path:
    folder = scratch / "runs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / "run"


def _sha256(run: Path) -> str:
    return hashlib.sha256((run / MODEL).read_bytes()).hexdigest()
