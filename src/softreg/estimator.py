"""The scikit-learn face of softmax regression."""

import warnings
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from torch import Tensor

from softreg.errors import MissingExtraError
from softreg.messages import translate
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.duality_gap import duality_gap
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.solver import State
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver, solver_state
from softreg.optim.standardization import Standardized, standardize

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError("solvers.needs_sklearn") from error

MARGIN = 0.9  # of the tolerance is the solver's, the rest is for rounding the coefficients
SOLVERS: dict[str, type[NewtonTypeSolver]] = {"lbfgs": LBFGS, "newton": Newton}


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression: minimises `mean cross-entropy + l2/2 ||W||^2`, to a known distance from the optimum.

    The same objective, and the same coefficients, as `LogisticRegression(C=C)`, for `l2 = 1 / (C * sum of sample weights)`. Two
    classes share one vector W, `coef_` (1, D), as scikit-learn has it.

    Parameters
    ----------
    C : inverse strength of the penalty, as in scikit-learn: it falls with the number of rows
    l2 : the penalty per row, whatever their number; if given, C is not used
    tol : how far, in the objective, the answer may be from the optimum
    max_iter : iterations at most; a ConvergenceWarning says when they were too few
    solver : "lbfgs" or "newton"
    class_weight : None, "balanced", or a mapping from class to weight

    Attributes
    ----------
    classes_ : (C,)
    coef_ : (C, D), or (1, D) for two classes; float32 if X was, else float64
    intercept_ : (C,), or (1,)
    n_iter_ : (1,)
    n_features_in_, feature_names_in_ : as in scikit-learn
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        l2: float | None = None,
        tol: float = 1e-8,
        max_iter: int = 500,
        solver: str = "lbfgs",
        class_weight: Any = None,
    ) -> None:
        self.C = C
        self.l2 = l2
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.class_weight = class_weight

    @torch.no_grad()
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from X (N, D) and y (N,), each row counting `sample_weight` (N,)."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"classification needs at least 2 classes; the data contains only one class: {self.classes_[0]!r}")
        weights = self._weights(X, y, labels, sample_weight)
        objective = self._objective(X, labels, weights)
        theta = self._minimize(objective)
        if len(self.classes_) == 2:
            theta = theta[1:] - theta[:1]
        self.coef_, self.intercept_ = theta[:, :-1].numpy().copy(), theta[:, -1].numpy().copy()
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """The logits (N, C); for two classes their difference (N,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        logits: NDArray[np.floating[Any]] = X @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest class of each row, (N,)."""
        logits = self.decision_function(X)
        classes: NDArray[Any] = self.classes_[(logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(1)]
        return classes

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The logarithm of each class's probability, (N, C), float64."""
        logits = self.decision_function(X).astype(np.float64)
        logits = np.column_stack([np.zeros_like(logits), logits]) if logits.ndim == 1 else logits
        log_p: NDArray[np.float64] = log_softmax(logits, axis=1)
        return log_p

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The probability of each class, (N, C), float64."""
        return np.exp(self.predict_log_proba(X))

    def _weights(self, X: Any, y: Any, labels: Any, sample_weight: ArrayLike | None) -> Any:
        """What each row counts, (N,); None if all count one."""
        if sample_weight is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True)
        if self.class_weight is not None:
            weights *= compute_class_weight(self.class_weight, classes=self.classes_, y=y, sample_weight=weights)[labels]
        return weights

    def _objective(self, X: Any, labels: Any, weights: Any) -> Objective:
        rows = torch.from_numpy(np.require(X, requirements=["C", "W"]))
        matrix = DesignMatrix(rows, torch.from_numpy(labels), weights=None if weights is None else torch.from_numpy(weights))
        l2 = 1 / (self.C * matrix.weight_sum) if self.l2 is None else self.l2
        penalty_factor = 2 if len(self.classes_) == 2 else 1  # two rows w/2 and -w/2 have half of ||w||^2
        return Objective(matrix, len(self.classes_), penalty_factor * l2)

    def _minimize(self, objective: Objective) -> Tensor:
        """Theta (C, D + 1) at the optimum."""
        if self.solver not in SOLVERS:
            raise ValueError(f"solver={self.solver!r}: it is one of {', '.join(SOLVERS)}")
        standardized = standardize(objective)
        theta = torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=objective.matrix.dtype)
        solver = SOLVERS[self.solver](MARGIN * self.tol, self.max_iter, certify=True)
        state = minimize(solver, standardized.objective, theta)
        answer, gap = _rounded(standardized, state, objective.matrix.dtype)
        steps = state.steps
        if gap > self.tol and steps < self.max_iter:  # go on in float64 until it is proven
            exact = Newton(MARGIN * self.tol, self.max_iter - steps, certify=True)
            state = minimize(exact, standardized.objective, state.theta.double())
            steps += state.steps
            answer, gap = _rounded(standardized, state, objective.matrix.dtype)
        self.n_iter_ = np.array([max(1, steps)])
        if gap > self.tol:
            warnings.warn(_not_converged(gap, self.tol, self.max_iter, steps), ConvergenceWarning, stacklevel=3)
        return answer


def _rounded(standardized: Standardized, state: State, dtype: torch.dtype) -> tuple[Tensor, float]:
    """Theta (C, D + 1) for the features as they are, in `dtype`, and how far above the minimum it is at most, rounding included."""
    answer = standardized.original(state.theta, dtype)
    objective, here, theta = standardized.objective, solver_state(state), standardized.standardized(answer)
    if here.lower_bound is None:
        return answer, duality_gap(objective, theta, state.theta + here.direction).gap
    return answer, objective.value(theta) - float(here.lower_bound)


def _not_converged(gap: float, tol: float, max_iter: int, steps: int) -> str:
    key = "solvers.estimator_max_iter" if steps >= max_iter else "solvers.estimator_rounding"
    return translate(key, steps=steps, gap=gap, tol=tol)
