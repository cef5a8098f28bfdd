"""A fitted SoftmaxClassifier as it comes out of a pickle: it predicts with NumPy alone.

Importing scikit-learn takes ten times as long as importing NumPy, and a service that only predicts needs none of it. Where it is
not imported yet, a pickle is restored as an `UnpickledClassifier`. It predicts for plain arrays, and becomes the SoftmaxClassifier
whose attributes it has as soon as anything else is asked of it, like a module loaded by `importlib.util.LazyLoader`. Start at
`restore`.
"""

import sys
from pkgutil import resolve_name
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg.compute.array_types import like

SERVED = {"predict", "predict_proba", "predict_log_proba", "decision_function", "_decision", "_log_proba"}
SERVED |= {"__dict__", "__setstate__", "__reduce_ex__"}


class LinearPrediction:
    """What a classifier says of rows, by way of their logits."""

    classes_: NDArray[Any]

    def decision_function(self, X: Any) -> Any:
        """The logits (N, C); for two classes their difference (N,). A torch tensor gets a tensor back, here and below."""
        return like(X, self._decision(X))

    def predict(self, X: Any) -> Any:
        """The most probable class of each row, (N,)."""
        logits = self._decision(X)
        return like(X, self.classes_[(logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(1)])

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of the probability of each class, (N, C), float64."""
        return like(X, self._log_proba(X))

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (N, C), float64."""
        return like(X, np.exp(self._log_proba(X)))

    def _decision(self, X: Any) -> NDArray[np.floating[Any]]:
        raise NotImplementedError

    def _log_proba(self, X: Any) -> NDArray[np.float64]:
        logits = self._decision(X).astype(np.float64)
        logits = np.column_stack([np.zeros_like(logits), logits]) if logits.ndim == 1 else logits
        logits -= logits.max(1, keepdims=True)
        log_p: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return log_p


class UnpickledClassifier(LinearPrediction):
    """The attributes of a SoftmaxClassifier, which predict for plain arrays; on any other request, the SoftmaxClassifier itself."""

    home: ClassVar[str] = "softreg.estimator:SoftmaxClassifier"  # which imports scikit-learn
    coef_: NDArray[Any]
    intercept_: NDArray[Any]

    @classmethod
    def whole(cls) -> Any:
        """The class that this becomes."""
        return resolve_name(cls.home)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # asked by isinstance; for a class of scikit-learn's, only where that is imported
            return type(self).whole() if "sklearn" in sys.modules else type(self)
        served = name in SERVED or name in object.__getattribute__(self, "__dict__")
        return object.__getattribute__(self, name) if served else getattr(_become_whole(self), name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return restore, (type(self),), dict(self.__dict__)

    def __repr__(self) -> str:
        return repr(_become_whole(self))

    def __dir__(self) -> list[str]:
        return dir(_become_whole(self))

    def _decision(self, X: Any) -> NDArray[np.floating[Any]]:
        if not _is_plain(X, self.__dict__):
            logits: NDArray[np.floating[Any]] = _become_whole(self)._decision(X)
            return logits
        X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
        logits = X @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits


class UnpickledClassifierCV(UnpickledClassifier):
    """The same of a SoftmaxClassifierCV."""

    home = "softreg.estimator_cv:SoftmaxClassifierCV"


def restore(unpickled: type[UnpickledClassifier]) -> Any:
    """An instance without attributes, for `pickle` to fill: of `unpickled`, or of the class itself if that costs no import."""
    whole = unpickled.whole() if "sklearn" in sys.modules else unpickled
    return whole.__new__(whole)


def _become_whole(self: UnpickledClassifier) -> Any:
    """Itself, from now on of the class that was pickled."""
    unpickled = type(self)
    if issubclass(unpickled, UnpickledClassifier):  # else, another thread was first
        self.__class__ = unpickled.whole()
    return self


def _is_plain(X: Any, fitted: dict[str, Any]) -> bool:
    """Whether X and the fitted attributes are arrays that agree, and scikit-learn would have nothing to convert or to say."""
    numbers = type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "biuf" and len(X) > 0
    return (
        numbers
        and X.shape[1] == fitted.get("n_features_in_")
        and "feature_names_in_" not in fitted
        and isinstance(fitted.get("coef_"), np.ndarray)
        and bool(np.isfinite(X).all())
    )
