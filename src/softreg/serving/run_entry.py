"""One run of the table: its facts, read once, and again only when its files have changed."""

import json
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from softreg.data.registry import DATASETS
from softreg.errors import RecipeError, RunError
from softreg.features.registry import FEATURE_MAPS, IMAGE_MAPS
from softreg.runs.data import is_on_another_machine
from softreg.runs.run import METRICS, MODEL, RECIPE, Run
from softreg.serving.public_errors import log_error

MAX_HEADER_BYTES = 2**20  # of a model file
Stamp = tuple[int, int, int, int]  # device, inode, size and time of change of a file


class UnusableRun(Exception):  # noqa: N818 - a reason, not a failure
    """Why a run cannot be offered: the key of a sentence."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(eq=False)
class RunEntry:
    """A run folder that is offered, or skipped with a reason.

    Attributes
    ----------
    key : what requests call it
    run : where it is
    """

    key: str
    run: Run
    _stamps: tuple[Stamp, ...] | None = None
    _facts: dict[str, Any] | UnusableRun | None = None

    def facts(self) -> dict[str, Any]:
        """What was trained, how good it is, and a version, which changes with the weights' file.

        Raises
        ------
        FileNotFoundError, NotADirectoryError
            If there is no run any more.
        UnusableRun
            If it is odd: the sentence with this key says why.
        """
        stamps = self._stamp_all()
        if stamps != self._stamps:
            self._facts = self._read()
            self._stamps = stamps if stamps == self._stamp_all() else None  # replaced meanwhile: read again next time
        if isinstance(self._facts, UnusableRun):
            raise self._facts
        assert self._facts is not None
        return {"model": self.key, "version": sha256(repr(stamps[0]).encode()).hexdigest()[:16]} | self._facts

    def model_stamp(self) -> Stamp:
        """An identifier of the weights' file, which changes when it is replaced."""
        return _stamp(self.run.path / MODEL)

    def _stamp_all(self) -> tuple[Stamp, ...]:
        try:
            model = self.model_stamp()
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError:
            raise UnusableRun("serving.skipped_unreadable") from None
        try:
            return model, _stamp(self.run.path / RECIPE), _stamp(self.run.path / METRICS)
        except FileNotFoundError:
            raise UnusableRun("serving.skipped_incomplete") from None
        except OSError:
            raise UnusableRun("serving.skipped_unreadable") from None

    def _read(self) -> dict[str, Any] | UnusableRun:
        try:
            return _facts(self.run)
        except UnusableRun as unusable:
            return unusable
        except RecipeError as error:  # its dataset was a folder that has gone, or a later version wrote it
            log_error(error)
            return UnusableRun("serving.skipped_recipe")
        except Exception as error:  # one odd run must not keep the others from being listed
            log_error(error)
            return UnusableRun("serving.skipped_unreadable")


def skipped(name: str, reason: UnusableRun) -> dict[str, Any]:
    """How a skipped run is listed; its `reason` is the key of a sentence."""
    return {"model": harmless(name), "reason": reason.key}


def harmless(name: str) -> str:
    """The name without control characters and whatever is not text."""
    return "".join(c if c.isprintable() else "?" for c in name)


def _facts(run: Run) -> dict[str, Any]:
    metadata = _metadata(run.path / MODEL)
    if len(json.loads(metadata.get("image_shape", "[]"))) not in (0, 2):
        raise UnusableRun("serving.skipped_images")
    recipe, evaluation = run.recipe, run.result["evaluation"]
    if metadata.get("features") in FEATURE_MAPS.keys() - IMAGE_MAPS.keys():
        raise UnusableRun("serving.skipped_features")
    if is_on_another_machine(recipe.dataset):
        raise UnusableRun("serving.skipped_recipe")
    if Path(recipe.dataset).is_absolute() and not Path(recipe.dataset).exists():  # another machine's, or gone
        raise UnusableRun("serving.skipped_recipe")
    accuracy, interval = evaluation.get("accuracy"), evaluation.get("accuracy_interval")
    if not _is_share(accuracy) or not (isinstance(interval, list) and len(interval) == 2 and all(map(_is_share, interval))):
        raise UnusableRun("serving.skipped_metrics")
    _check_model(run)
    return {
        "dataset": recipe.dataset if recipe.dataset in DATASETS else Path(recipe.dataset).name,  # no path is told
        "features": recipe.features,
        "solver": recipe.solver,
        "whole": not {"image_shape", "pictures"}.isdisjoint(metadata),  # a picture is one image of it
        "accuracy": accuracy,
        "accuracy_interval": interval,
    }


def _check_model(run: Run) -> None:
    """Load the model once: what is listed can be asked."""
    try:
        run.model()
    except RunError as error:
        log_error(error)
        raise UnusableRun("serving.skipped_model") from None


def _metadata(model: Path) -> dict[str, Any]:
    """What the header of a model file says, its weights not read."""
    with model.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size)) if size <= MAX_HEADER_BYTES else None
    if not isinstance(header, dict) or not isinstance(metadata := header.get("__metadata__"), dict):
        raise ValueError("no model file")
    return metadata


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1  # NaN is not


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise OSError("not a file")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
