"""The run folder: what training writes, and its checked reading.

::

    RUN/model.safetensors   weights and feature buffers
    RUN/recipe.toml         what to train again
    RUN/metrics.jsonl       one line per epoch or iteration, then the evaluation
    RUN/environment.json    versions, device, threads, data SHA-256, seconds
    RUN/figures/*.png
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from softreg.errors import RunError
from softreg.features.choice import AUTO
from softreg.messages.strangers import without_controls
from softreg.messages.suggestion import Suggestion
from softreg.model.serialization import load_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.solver import Termination
from softreg.recipe import Recipe
from softreg.runs.pretrained import PRETRAINED, pretrained_path
from softreg.storage.atomic import check_name
from softreg.storage.tensors import read_bytes

MODEL, RECIPE, METRICS, ENVIRONMENT, FIGURES = "model.safetensors", "recipe.toml", "metrics.jsonl", "environment.json", "figures"

MAX_TEXT_BYTES = 2**28  # bytes; a million epochs' metrics are a fifth of it
NUMBER = (int, float)
RESULT_TYPES = {
    "objective": NUMBER,
    "ending": dict,
    "evaluation": dict,
    "sample": dict,
    "train_seconds": NUMBER,
    "model_sha256": str,
}
ENVIRONMENT_TYPES = {"libraries": dict, "data_sha256": dict, "train_seconds": NUMBER, "peak_rss_mib": NUMBER}


@dataclass(frozen=True)
class Run:
    """A run folder; its files are read when a property is used.

    Attributes
    ----------
    path : the folder

    Raises
    ------
    RunError
        Of the properties and `model()`: if a file is missing or damaged; of `recipe`, a RecipeError if its values are invalid.
    """

    path: Path

    @property
    def recipe(self) -> Recipe:
        """The recipe it was trained by."""
        return Recipe.from_toml(self._text(RECIPE), where=str(self.path / RECIPE))

    @property
    def resolved_recipe(self) -> Recipe:
        """The recipe, with the chosen number in place of l2 = auto."""
        recipe = self.recipe
        return recipe.replace({"l2": self._require(self.result, {"l2": NUMBER}, METRICS)["l2"]}) if recipe.l2 == AUTO else recipe

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One mapping per epoch or iteration, then one with the evaluation."""
        return [self._mapping(line, METRICS) for line in self._text(METRICS).splitlines()]

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, device, threads, data SHA-256 and seconds of the training."""
        return self._require(self._mapping(self._text(ENVIRONMENT), ENVIRONMENT), ENVIRONMENT_TYPES, ENVIRONMENT)

    @property
    def costs(self) -> list[float]:
        """One per epoch or iteration."""
        return [self._require(line, {"cost": NUMBER}, METRICS)["cost"] for line in self.metrics[:-1]]

    @property
    def result(self) -> dict[str, Any]:
        """The last line of the metrics: the evaluation and why training ended."""
        return self._require(self.metrics[-1] if self.metrics else {}, RESULT_TYPES, METRICS)

    @property
    def termination(self) -> Termination:
        """Why training ended; `str()` is a sentence."""
        ending = self._require(self.result["ending"], {"key": str, "converged": bool, "facts": dict}, METRICS)
        try:
            return Termination.from_json(ending)
        except (LookupError, ValueError, TypeError) as error:
            raise RunError("runs.unreadable", path=self.path / METRICS, why=f"ending {error}") from error

    def model(self) -> SoftmaxRegression:
        """The trained model, in eval mode, on the CPU."""
        return load_model(self.path / MODEL)

    def _text(self, name: str) -> str:
        try:
            return read_bytes(self.path / name, MAX_TEXT_BYTES).decode()
        except (OSError, ValueError) as error:
            raise RunError("runs.unreadable", path=self.path / name, why=getattr(error, "strerror", None) or error) from error

    def _mapping(self, text: str, name: str) -> dict[str, Any]:
        try:
            value = _harmless(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise RunError("runs.unreadable", path=self.path / name, why=error) from error
        if not isinstance(value, dict):
            raise RunError("runs.unreadable", path=self.path / name, why=type(value).__name__)
        return value

    def _require(self, mapping: dict[str, Any], kinds: dict[str, Any], name: str) -> dict[str, Any]:
        """The mapping; a RunError if a key is missing, or its value has another type or is not finite."""
        for key, kind in kinds.items():
            value = mapping.get(key)
            if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
                raise RunError("runs.unreadable", path=self.path / name, why=key)
        return mapping


def open_run(path: str | os.PathLike[str]) -> Run:
    """The run in the folder `path`; or, where there is no such folder, the one of `PRETRAINED` of this name.

    Raises
    ------
    RunError
        If there is no such folder, or it holds no run.
    """
    folder = Path(path)
    if str(path) in PRETRAINED and not folder.exists():
        folder = pretrained_path(str(path))
    if not _holds_run(folder):
        raise RunError("runs.no_run", path=folder, hint=Suggestion(str(path), PRETRAINED))
    return Run(folder)


def load(path: str | os.PathLike[str]) -> SoftmaxRegression:
    """The model of the run in the folder `path`, in eval mode, on the CPU: `model(images)` gives logits.

    "handwriting", "best" and "tutorial" name the pretrained runs that come with softreg.

    Raises
    ------
    RunError
        If there is no such run, or it is damaged.
    """
    return open_run(path).model()


def finished_run(path: Path) -> Run | None:
    """The run in the folder `path` if there is one and its training was not ended early."""
    run = Run(path)
    return run if _holds_run(path) and not run.termination.reason.is_early else None


def ensure_available(folder: Path, *, force: bool) -> None:
    """Raise a RunError if `folder` cannot take a new run.

    Raises
    ------
    RunError
        If something is there and not `force`, or if it is not a run: `force` replaces runs, never other folders.
    """
    if not folder.name:  # "." or "/"
        raise RunError("runs.in_the_way", path=folder)
    check_name(folder)
    if os.path.lexists(folder) and not force:
        raise RunError("runs.in_the_way", path=folder)
    if os.path.lexists(folder) and not _holds_run(folder):
        raise RunError("runs.not_a_run", path=folder)


def _harmless(value: Any) -> Any:
    """A JSON value, its strings without control characters: they may be printed."""
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, dict):
        return {_harmless(key): _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


def _holds_run(folder: Path) -> bool:
    try:
        return (folder / MODEL).is_file()
    except OSError as error:  # a name too long, a folder without permission
        raise RunError("runs.unreadable", path=folder, why=error.strerror) from error


def default_run_dirs(name: str) -> Iterator[Path]:
    """runs/NAME, runs/NAME-2, runs/NAME-3, ..."""
    yield Path("runs", name)
    yield from (Path("runs", f"{name}-{number}") for number in count(2))
