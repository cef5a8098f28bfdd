"""Every n-th system call of a save fails: nothing lost, nothing torn, nothing left over, one line that names the path."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from softreg.errors import SoftregError
from softreg.features.registry import make_feature_map
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.solver import State
from softreg.optim.solvers.sgd import SGDState
from softreg.recipe import Recipe
from softreg.storage.atomic import atomic_directory, write_bytes
from softreg.training.checkpoints import Checkpoints
from softreg.training.fit import TrainState
from torture.forked import forked

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES")
CALLS = ("write", "fsync", "rename,renameat,renameat2", "openat", "mkdir,mkdirat")


@dataclass
class Faults:
    """How many faults were met, and what went wrong with which."""

    injected: int = 0
    bad: list[str] = field(default_factory=list)


def save_file(place: Path) -> None:
    """A file over an old one, as exports and checkpoints are written."""
    write_bytes(place / "file", b"new" * 10_000)


def save_run(place: Path) -> None:
    """A run over an old one."""
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.zeros(2, 785))
    with atomic_directory(place / "run") as folder:
        save_model(model, folder / "model")
        (folder / "figures").mkdir()
        for name in ("recipe", "figures/a", "figures/b"):
            (folder / name).write_bytes(b"new" * 100)


def save_checkpoints(place: Path) -> None:
    """Three checkpoints of a training."""
    checkpoints = Checkpoints(place / "training")
    try:
        checkpoints.begin(Recipe(), "0" * 64, torch.device("cpu"))
        for step in (1, 2, 3):
            state = State(torch.full((2, 785), float(step)), step, 0.5, None, SGDState(torch.zeros(10)))
            checkpoints.save(TrainState(state, [0.5] * step, 1.0), force=True)
    finally:
        checkpoints.close(delete=False)


SAVES = (save_file, save_run, save_checkpoints)


def fail_every_call(scratch: Path, errors: tuple[str, ...] = ERRORS, every: int = 1) -> Faults:
    """Each save with each call failing at its n-th time, for all n (or every `every`-th) until none is left."""
    torch.set_num_threads(1)
    result = Faults()
    for save in SAVES:
        save(a_place(scratch))  # so that the children import nothing
        for error in errors:
            for calls in CALLS:
                number = 1
                while _one(save, scratch, calls, error, number, result):
                    number += every
    return result


def _one(save: Callable[[Path], None], scratch: Path, calls: str, error: str, number: int, result: Faults) -> bool:
    """One save with one fault; whether the fault was met."""
    place = a_place(scratch)
    outcome = forked(lambda: in_a_line(save, place), inject=f"error={error}:when={number}", calls=calls, scratch=scratch)
    if not outcome.injected:
        return False
    result.injected += 1
    found = complaint(place) if outcome.code == 0 or outcome.error.startswith("WriteError") else f"{outcome.code} {outcome.error}"
    if found:
        result.bad.append(f"{save.__name__} {calls} {error} {number}: {found}")
    return True


def in_a_line(save: Callable[[Path], None], place: Path) -> None:
    """Save; a refusal that is not one line with the path in it is a fault of ours."""
    try:
        save(place)
    except SoftregError as error:
        if "\n" in str(error) or str(place) not in str(error):
            raise RuntimeError(f"not one line with the path: {error}") from error
        raise


def complaint(place: Path) -> str:
    """What is wrong with what is there after a fault; empty if nothing is."""
    if (place / "file").read_bytes() not in (b"old", b"new" * 10_000):
        return "the file is torn"
    names = {str(each.relative_to(place / "run")) for each in (place / "run").rglob("*")}
    if names not in ({"old"}, {"model", "recipe", "figures", "figures/a", "figures/b"}):
        return f"the run is torn: {names}"
    left = [each.name for each in place.rglob("*") if each.name.endswith((".tmp", ".old"))]
    return f"left behind {left}" if left else ""


def a_place(scratch: Path) -> Path:
    """A folder with an old file and an old run in it."""
    place = scratch / "place"
    shutil.rmtree(place, ignore_errors=True)
    (place / "run").mkdir(parents=True)
    (place / "file").write_bytes(b"old")
    (place / "run" / "old").write_bytes(b"old")
    return place
