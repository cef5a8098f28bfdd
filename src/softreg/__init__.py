"""Softmax regression for images: from a first lesson to a classifier that reads your handwriting.

`train` turns a recipe into a run, `load` gives its model, `predict` reads pictures. Each package says in its docstring what it is
for, what it may import and where to start reading: `training` for the way from a recipe to a run, `optim` for the gradient and the
solvers, `imaging` for what happens to a picture before a model sees it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from softreg._version import __version__

if TYPE_CHECKING:
    from softreg.api import explain as explain
    from softreg.api import export as export
    from softreg.api import predict as predict
    from softreg.data.dataset import Dataset as Dataset
    from softreg.data.load import load_dataset as load_dataset
    from softreg.errors import SoftregError as SoftregError
    from softreg.estimator import SoftmaxClassifier as SoftmaxClassifier
    from softreg.estimator_cv import SoftmaxClassifierCV as SoftmaxClassifierCV
    from softreg.inference.run_evaluation import evaluate as evaluate
    from softreg.model.softmax_regression import SoftmaxRegression as SoftmaxRegression
    from softreg.recipe import Recipe as Recipe
    from softreg.runs.run import Run as Run
    from softreg.runs.run import load as load
    from softreg.training.train import train as train

# Loaded when first named: `softreg --help` must not wait for torch.
_HOMES = {
    "Dataset": "softreg.data.dataset",
    "Recipe": "softreg.recipe",
    "Run": "softreg.runs.run",
    "SoftmaxClassifier": "softreg.estimator",  # needs the extra sklearn
    "SoftmaxClassifierCV": "softreg.estimator_cv",  # likewise
    "SoftmaxRegression": "softreg.model.softmax_regression",
    "SoftregError": "softreg.errors",
    "evaluate": "softreg.inference.run_evaluation",
    "explain": "softreg.api",
    "export": "softreg.api",
    "load": "softreg.runs.run",
    "load_dataset": "softreg.data.load",
    "predict": "softreg.api",
    "train": "softreg.training.train",
}

__all__ = [
    "Dataset",
    "Recipe",
    "Run",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "SoftmaxRegression",
    "SoftregError",
    "__version__",
    "evaluate",
    "explain",
    "export",
    "load",
    "load_dataset",
    "predict",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
