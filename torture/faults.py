"""Every n-th system call of a save fails: the old file is intact, nothing is left over, and one line names the path."""

import shutil
from collections.abc import Callable
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
from torture.count import Count
from torture.forked import forked

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES")
CALLS = ("write", "fsync", "rename,renameat,renameat2", "openat", "mkdir,mkdirat")


def save_file(folder: Path) -> None:
    """Replace a file, as exports and checkpoints do."""
    write_bytes(folder / "file", b"new" * 10_000)


def save_run(folder: Path) -> None:
    """Replace a run."""
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.zeros(2, 785))
    with atomic_directory(folder / "run") as run:
        save_model(model, run / "model")
        (run / "figures").mkdir()
        for name in ("recipe", "figures/a", "figures/b"):
            (run / name).write_bytes(b"new" * 100)


def save_checkpoints(folder: Path) -> None:
    """Save three checkpoints of one training."""
    checkpoints = Checkpoints(folder / "training")
    try:
        checkpoints.begin(Recipe(), "0" * 64, torch.device("cpu"))
        for step in (1, 2, 3):
            state = State(torch.full((2, 785), float(step)), step, 0.5, None, SGDState(torch.zeros(10)))
            checkpoints.save(TrainState(state, [0.5] * step, 1.0), force=True)
    finally:
        checkpoints.close(delete=False)


SAVES = (save_file, save_run, save_checkpoints)


def fail_every_call(scratch: Path, errors: tuple[str, ...] = ERRORS, stride: int = 1) -> Count:
    """Run each save with each call failing at its n-th time, for n = 1, 1 + `stride`, ... until no n-th call is left."""
    torch.set_num_threads(1)
    count = Count()
    for save in SAVES:
        save(prepared_folder(scratch))  # so that the children import nothing
        for error in errors:
            for calls in CALLS:
                number = 1
                while _inject(save, scratch, calls, error, number, count):
                    number += stride
    return count


def _inject(save: Callable[[Path], None], scratch: Path, calls: str, error: str, number: int, count: Count) -> bool:
    """Run one save with one fault; whether the save got as far as the fault."""
    folder = prepared_folder(scratch)
    outcome = forked(lambda: check_message(save, folder), inject=f"error={error}:when={number}", calls=calls, scratch=scratch)
    if not outcome.injected:
        return False
    count.done += 1
    handled = outcome.code == 0 or outcome.error.startswith("WriteError")
    if complaint := find_damage(folder) if handled else f"{outcome.code} {outcome.error}":
        count.failures.append(f"{save.__name__} {calls} {error} {number}: {complaint}")
    return True


def check_message(save: Callable[[Path], None], folder: Path) -> None:
    """Save; raise RuntimeError if a refusal is not one line with the path in it."""
    try:
        save(folder)
    except SoftregError as error:
        if "\n" in str(error) or str(folder) not in str(error):
            raise RuntimeError(f"not one line with the path: {error}") from error
        raise


def find_damage(folder: Path) -> str:
    """What a failed save damaged or left behind; empty if nothing."""
    if (folder / "file").read_bytes() not in (b"old", b"new" * 10_000):
        return "the file is torn"
    names = {str(path.relative_to(folder / "run")) for path in (folder / "run").rglob("*")}
    if names not in ({"old"}, {"model", "recipe", "figures", "figures/a", "figures/b"}):
        return f"the run is torn: {names}"
    temporaries = [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".old"))]
    return f"left behind {temporaries}" if temporaries else ""


def prepared_folder(scratch: Path) -> Path:
    """A folder with an old file and an old run to replace."""
    folder = scratch / "saves"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "run").mkdir(parents=True)
    (folder / "file").write_bytes(b"old")
    (folder / "run" / "old").write_bytes(b"old")
    return folder
