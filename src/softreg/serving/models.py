"""The models to choose from: those that ship, the one named at the start, and the user's runs.

A request names a model by its key in this table, never by a path.
"""

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from softreg.errors import RunError, ServingError
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import PRETRAINED, pretrained_path
from softreg.runs.run import MODEL, Run, open_run
from softreg.serving.public_errors import log_error
from softreg.serving.run_entry import RunEntry, Stamp, UnusableRun, harmless, skipped

MAX_LOADED = 6  # models in memory
MAX_NAMED = 12  # models that an error names


class Models:
    """A table of runs, read when first asked for, and again when a run was replaced.

    Parameters
    ----------
    chosen : the run to answer with unless a request says otherwise; None for the best that ships
    folder : where the user's runs are
    """

    def __init__(self, chosen: Path | None = None, folder: Path = Path("runs")) -> None:
        self._folder = folder
        self._entries: dict[str, RunEntry] = {}
        self._keys: dict[str, str] = {}  # by real path
        self._loaded: OrderedDict[str, tuple[Stamp, SoftmaxRegression]] = OrderedDict()
        self._lock = threading.Lock()  # of the table and what is loaded
        self._scanning = threading.Lock()
        if chosen is not None:
            self._enter(harmless(Path(os.path.realpath(chosen)).name), open_run(chosen).path)
        for name in PRETRAINED:
            self._enter(name, pretrained_path(name))
        self._scan()
        self.default = self._first_usable(is_chosen=chosen is not None)

    def get(self, key: str) -> SoftmaxRegression:
        """The model called `key`, in eval mode: as it is on disk now or, if its files are gone, as it was last read.

        Raises
        ------
        ServingError
            If there is none, or it cannot be used; the terminal then shows why.
        """
        try:
            return self._get(key)
        except RunError as error:
            log_error(error)
            raise ServingError("serving.unusable_model", status=404, name=key) from None

    def _get(self, key: str) -> SoftmaxRegression:
        with self._lock:
            if key not in self._entries:
                raise ServingError("serving.unknown_model", status=404, choices=", ".join([*self._entries][:MAX_NAMED]))
            entry = self._entries[key]
            try:
                stamp: Stamp | None = entry.model_stamp()
            except OSError:
                stamp = None
            if key not in self._loaded or stamp not in (None, self._loaded[key][0]):
                self._load(entry, stamp)
            self._loaded.move_to_end(key)
            return self._loaded[key][1]

    def with_features(self, features: str) -> str:
        """The key of a model of digits with this feature map: the tutorial's if it is one, else the first."""
        for key in ("tutorial", *self._entries):
            try:
                if key in self._entries and self._is_on_digits(key, features):
                    return key
            except ServingError:
                continue
        raise ServingError("serving.no_pixel_model", status=404)

    def _is_on_digits(self, key: str, features: str) -> bool:
        model = self.get(key)
        return model.features.name == features and not model.whole_pictures

    def add(self, run: Run) -> str:
        """Add a run and return its key."""
        with self._lock:
            return self._enter(run.path.name, run.path)

    def describe(self) -> dict[str, Any]:
        """What `GET /models` answers: of each model what was trained and how good it is; which runs were skipped, and why.

        Costs three `stat` for each run; one is read only if it is new or changed.
        """
        with self._scanning:
            models, odd = list[dict[str, Any]](), self._scan()
            for key, entry in list(self._entries.items()):
                try:
                    models.append(entry.facts() | {"shipped": key in PRETRAINED})
                except (FileNotFoundError, NotADirectoryError):
                    self._forget(key)
                except UnusableRun as reason:
                    odd.append(skipped(key, reason))
            return {"schema": 1, "default": self.default, "models": models, "skipped": odd}

    def _first_usable(self, *, is_chosen: bool) -> str:
        """The default: a run that cannot be read is refused before anything is served, if it was asked for or is the only one."""
        failure: Exception = ServingError("serving.no_models")
        for key in self._entries:
            try:
                self._get(key)
            except (RunError, ServingError) as error:
                failure = error
                if is_chosen:
                    break
            else:
                return key
        raise failure

    def _load(self, entry: RunEntry, stamp: Stamp | None) -> None:
        model = entry.run.model()
        if len(model.image_shape) != 2:
            raise ServingError("serving.other_images", name=entry.key)
        model.check_has_evidence()
        with torch.inference_mode():  # what is computed once, in a second, is computed now: the first visitor need not wait for it
            model.logits_and_novelty(torch.zeros(1, *model.image_shape, dtype=torch.uint8))
        self._loaded[entry.key] = (stamp or (0, 0, 0, 0), model)
        while len(self._loaded) > MAX_LOADED:
            self._loaded.popitem(last=False)

    def _scan(self) -> list[dict[str, Any]]:
        """Take in the runs that are new in the folder; those whose names cannot be told are skipped."""
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError:  # there is no such folder yet
            names = []
        odd = {name for name in names if not name.isprintable()}  # no text, or escapes for a terminal
        with self._lock:
            for name in names:
                if not name.startswith(".") and name not in odd:
                    self._enter(name, self._folder / name)
        return [
            skipped(name, UnusableRun("serving.skipped_name")) for name in sorted(odd) if (self._folder / name / MODEL).exists()
        ]

    def _enter(self, key: str, path: Path) -> str:
        """Take a run folder into the table unless it is there already; its key."""
        real = os.path.realpath(path)
        if real in self._keys:
            return self._keys[real]
        while key in self._entries:
            key += "'"
        entry = RunEntry(key, Run(path))
        try:
            entry.model_stamp()
        except (FileNotFoundError, NotADirectoryError):  # no run
            return key
        except OSError:  # an odd one: it will be listed as skipped
            pass
        self._entries[key] = entry
        self._keys[real] = key
        return key

    def _forget(self, key: str) -> None:
        """The run has gone; what is in memory is still answered with."""
        with self._lock:
            if key not in self._loaded:
                entry = self._entries.pop(key)
                self._keys.pop(os.path.realpath(entry.run.path), None)
