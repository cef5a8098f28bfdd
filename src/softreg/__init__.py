"""Softmax regression for images: from a first lesson to a classifier that reads your handwriting."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softreg.data import Dataset as Dataset
    from softreg.errors import SoftregError as SoftregError
    from softreg.estimator import SoftmaxClassifier as SoftmaxClassifier
    from softreg.model import SoftmaxRegression as SoftmaxRegression
    from softreg.pipeline import train as train
    from softreg.recipe import Recipe as Recipe
    from softreg.runs import Run as Run
    from softreg.runs import load as load

__version__ = "0.1.0"

# Loaded when first named: `softreg --help` must not wait for torch.
_HOMES = {
    "Dataset": "softreg.data",
    "Recipe": "softreg.recipe",
    "Run": "softreg.runs",
    "SoftmaxClassifier": "softreg.estimator",  # needs the extra sklearn
    "SoftmaxRegression": "softreg.model",
    "SoftregError": "softreg.errors",
    "load": "softreg.runs",
    "train": "softreg.pipeline",
}

__all__ = ["Dataset", "Recipe", "Run", "SoftmaxClassifier", "SoftmaxRegression", "SoftregError", "__version__", "load", "train"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
