"""The models to choose from: those that ship, the one named at the start, and the user's runs.

A request names a model by its key in this table, never by a path.
"""

import threading
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path
from typing import Any

from softreg.errors import RunError, ServingError
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.run import MODEL, Run, open_run

SHIPPED = ("best", "tutorial")
KEPT = 6  # models in memory


class Models:
    """A table of runs, read when first asked for.

    Parameters
    ----------
    chosen : the run to answer with unless a request says otherwise; None for the best that ships
    folder : where the user's runs are
    """

    def __init__(self, chosen: Path | None = None, folder: Path = Path("runs")) -> None:
        self._folder = folder
        self._runs: dict[str, Run] = {}
        self._loaded: OrderedDict[str, SoftmaxRegression] = OrderedDict()
        self._lock = threading.Lock()
        if chosen is not None:
            self._runs[chosen.resolve().name] = open_run(chosen)
        for name in SHIPPED:
            self._enter(name, Path(str(files("softreg") / "pretrained" / name)))
        self._discover()
        if not self._runs:
            raise ServingError("serving.no_models")
        self.default = next(iter(self._runs))
        self.get(self.default)  # a run that cannot be read is refused before anything is served

    def get(self, key: str) -> SoftmaxRegression:
        """The model called `key`, in eval mode."""
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
            if key not in self._runs:
                raise ServingError("serving.unknown_model", status=404, choices=", ".join(self._runs))
            model = self._loaded[key] = self._runs[key].model()
            while len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
            return model

    def with_features(self, features: str) -> str:
        """The key of a model that sees images so: the tutorial's if it is one, else the first."""
        for key in ("tutorial", *self._runs):
            if key in self._runs and self.get(key).features.name == features:
                return key
        raise ServingError("serving.no_pixel_model", status=404)

    def add(self, run: Run) -> str:
        """Take in a run; its key."""
        with self._lock:
            return self._enter(run.path.name, run.path)

    def describe(self) -> list[dict[str, Any]]:
        """What `GET /models` answers: of each model what was trained and how good it is."""
        self._discover()
        described = []
        for key, run in list(self._runs.items()):
            try:
                described.append(_describe(key, run))
            except RunError:  # its folder was taken away, or is damaged: the others are still there
                continue
        return described

    def _discover(self) -> None:
        with self._lock:
            for path in sorted(self._folder.glob("*")):
                self._enter(path.name, path)

    def _enter(self, key: str, path: Path) -> str:
        """Take a run folder into the table unless it is there already; its key."""
        known = {run.path.resolve(): key for key, run in self._runs.items()}
        if path.resolve() in known:
            return known[path.resolve()]
        while key in self._runs:
            key += "'"
        if not key.startswith(".") and (path / MODEL).is_file():
            self._runs[key] = Run(path)
        return key


def _describe(key: str, run: Run) -> dict[str, Any]:
    recipe, result = run.recipe, run.result
    evaluation = result["evaluation"]
    return {
        "model": key,
        "dataset": recipe.dataset,
        "features": recipe.features,
        "solver": recipe.solver,
        "accuracy": evaluation["accuracy"],
        "accuracy_interval": evaluation["accuracy_interval"],
        "shipped": key in SHIPPED,
    }
