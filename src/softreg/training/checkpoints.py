"""Checkpoints: a training killed at any moment can be resumed, and ends with the same weights bit for bit.

While a run is trained, a hidden folder stands beside its place::

    .RUN.unfinished/lock                  locked by the process that trains
    .RUN.unfinished/recipe.toml           what is being trained
    .RUN.unfinished/000012.safetensors    the solver's state after step 12; the one before is kept, too

It is removed when the run has been written. A checkpoint is written after every step, unless that takes more than 3 % of the
time: with epochs of 0.07 s and a disk that takes 10 ms to sync, after every fifth.
"""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path

import torch
from filelock import Timeout

from softreg.errors import RunError, SoftregError, SoftregWarning, WriteError
from softreg.messages import translate
from softreg.recipe import Recipe
from softreg.runs.run import default_run_dirs, ensure_available
from softreg.storage.atomic import reraise_as_write_error, write_bytes
from softreg.storage.locking import acquire_lock
from softreg.storage.tensors import read_bytes
from softreg.training.checkpoint_file import Origin
from softreg.training.fit import TrainState

MAX_BYTES = 2**31  # bytes
CURABLE = ("data.cut_short",)  # errors of data after which --resume makes sense
KEEP_LAST = 2  # checkpoints: the newest, and the one before in case it is damaged
MAX_OVERHEAD = 0.03  # share of the time that writing checkpoints may take


def checkpoint_dir(run: Path) -> Path:
    """The hidden folder that belongs to the run at `run`."""
    return run.with_name(f".{run.name}.unfinished")


def unfinished_recipe(run: Path) -> Recipe | None:
    """The recipe of the interrupted training of `run`; None if there is none."""
    path = checkpoint_dir(run) / "recipe.toml"
    return Recipe.read(path) if path.exists() else None


def interrupted_run(name: str, recipe: Recipe) -> Path:
    """The first of runs/NAME, runs/NAME-2, ... with an unfinished training of this recipe, or with none and free."""
    return next(
        folder
        for folder in default_run_dirs(name)
        if (unfinished := unfinished_recipe(folder)) == recipe or (unfinished is None and not os.path.lexists(folder))
    )


@contextmanager
def run_lock(run: str | os.PathLike[str] | None, name: str, *, force: bool, resume: bool) -> Iterator["Checkpoints"]:
    """`acquire` for the duration of a block, which calls `close` when it succeeds; if it fails, checkpoints are kept for --resume.

    If the recipe or the data is at fault, the training would fail again, so nothing is kept.
    """
    checkpoints = acquire(run, name, force=force, resume=resume)
    try:
        yield checkpoints
    except BaseException as error:
        hopeless = isinstance(error, SoftregError) and not isinstance(error, WriteError) and error.key not in CURABLE and not resume
        checkpoints.close(delete=hopeless or not checkpoints.has_checkpoint)
        raise


def acquire(run: str | os.PathLike[str] | None, name: str, *, force: bool, resume: bool) -> "Checkpoints":
    """Lock `run` for training, or the first of runs/NAME, runs/NAME-2, ... that is free.

    Raises
    ------
    RunError
        If another process is training it or, without `force` and `resume`, if something is there.
    """
    if run is None:
        folders = default_run_dirs(name)
        while True:
            with suppress(RunError):
                return acquire(next(folders), name, force=False, resume=False)
    folder = Path(run or name)
    _check_available(folder, force=force, resume=resume)
    checkpoints = Checkpoints(folder)
    try:
        _check_available(folder, force=force, resume=resume)  # again: another process may have finished before we got the lock
    except RunError:
        checkpoints.close(delete=not checkpoints.has_recipe)
        raise
    return checkpoints


def _check_available(folder: Path, *, force: bool, resume: bool) -> None:
    ensure_available(folder, force=force or resume)
    if not force and not resume and (checkpoint_dir(folder) / "recipe.toml").exists():
        raise RunError("runs.unfinished", path=folder)


class Checkpoints:
    """The checkpoints of one run, locked by this process until `close`.

    Raises
    ------
    RunError
        If another process is training the same run.
    WriteError
        If the folder cannot be written.
    """

    def __init__(self, run: Path) -> None:
        self.run, self.folder = run, checkpoint_dir(run)
        self._written = self._cost = 0.0  # time of the last checkpoint and how long it took, in seconds
        self._created = [parent for parent in self.folder.parents if not parent.exists()]  # the innermost first
        with reraise_as_write_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.folder.is_symlink():  # whoever put it there would choose what is deleted
                raise RunError("runs.planted_link", path=self.folder)
            try:
                self._lock = acquire_lock(self.folder / "lock", timeout=0)
            except Timeout as error:
                raise RunError("runs.in_use", path=run) from error

    @property
    def has_recipe(self) -> bool:
        """Whether the recipe of an interrupted training is here."""
        return (self.folder / "recipe.toml").exists()

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return bool(self._paths())

    def begin(self, recipe: Recipe, data_sha256: str | None, device: torch.device) -> None:
        """Start over: delete old checkpoints and write the recipe."""
        with reraise_as_write_error(self.folder):
            self._delete()
        write_bytes(self.folder / "recipe.toml", recipe.to_toml().encode())
        self._origin = Origin.here(self.run, recipe, data_sha256, device)

    def resume(self, recipe: Recipe, data_sha256: str | None, device: torch.device) -> TrainState | None:
        """The newest undamaged checkpoint; None if there is none yet.

        Raises
        ------
        RunError
            If it belongs to another recipe or other data.
        """
        check_same(recipe, Recipe.read(self.folder / "recipe.toml"), self.run)
        self._origin = Origin.here(self.run, recipe, data_sha256, device)
        for path in reversed(self._paths()):
            try:
                return self._origin.decode(read_bytes(path, MAX_BYTES), device)
            except (OSError, ValueError, TypeError, LookupError) as error:
                warnings.warn(translate("runs.checkpoint_damaged", path=path, why=error), SoftregWarning, stacklevel=2)
        return None

    def to_bytes(self, progress: TrainState) -> bytes:
        """The checkpoint as the bytes of its file."""
        return self._origin.encode(progress)

    def save(self, progress: TrainState, *, force: bool = False) -> None:
        """Write a checkpoint, unless the last one is too recent and `force` is False."""
        began = time.perf_counter()
        if not force and self._written and began - self._written < self._cost / MAX_OVERHEAD:
            return
        write_bytes(self.folder / f"{progress.state.steps:06d}.safetensors", self.to_bytes(progress))
        with reraise_as_write_error(self.folder):
            for old in self._paths()[:-KEEP_LAST]:
                old.unlink(missing_ok=True)
        self._written = time.perf_counter()
        self._cost = self._written - began

    def close(self, *, delete: bool) -> None:
        """Release the lock; `delete` the checkpoints if the run has been written or cannot be trained."""
        if delete:
            with suppress(OSError):  # the next training removes what is left
                self._delete()
                # Before it is released: who waits for it finds it gone and retries
                Path(self._lock.lock_file).unlink(missing_ok=True)
                self.folder.rmdir()
                for parent in self._created:
                    parent.rmdir()  # fails, as it should, once the run or anything else is in it
        self._lock.release()

    def _delete(self) -> None:
        for path in [*self._paths(), self.folder / "recipe.toml"]:
            path.unlink(missing_ok=True)
        for temporary in self.folder.glob(".*.tmp"):
            temporary.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"), key=lambda path: (len(path.name), path.name))


def check_same(now: Recipe, before: Recipe, run: Path) -> None:
    """Raise a RunError if two recipes of `run` differ, naming the fields: `epochs 30, not 15`."""
    changed = [field.name for field in fields(Recipe) if getattr(now, field.name) != getattr(before, field.name)]
    if changed:
        changes = ", ".join(f"{name} {getattr(now, name)}, not {getattr(before, name)}" for name in changed)
        raise RunError("runs.other_recipe", path=run, changes=changes)
