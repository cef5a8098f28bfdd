"""The scikit-learn estimator of softmax regression. Predicting, also after unpickling, does without torch."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from softreg.compute.array_types import as_array, like
from softreg.errors import MissingExtraError
from softreg.messages import translate
from softreg.optim.arrays import solve_arrays, stays_in_file, with_column
from softreg.optim.sklearn_parameters import SOLVERS, check_parameters, penalties_per_row, unconverged
from softreg.optim.small_problem import Solution
from softreg.unpickled import LinearPrediction, UnpickledClassifier, restore

try:
    from sklearn import get_config
    from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import compute_class_weight
    from sklearn.utils._param_validation import Interval, StrOptions
    from sklearn.utils.extmath import safe_sparse_dot
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError("solvers.needs_sklearn") from error

FLOATS = [np.float64, np.float32]


class SoftmaxClassifier(LinearPrediction, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression: minimises `mean cross-entropy + l2/2 ||W||^2`, to a proven distance from the minimum.

    The same objective, and the same coefficients, as `LogisticRegression(C=C)`, for `l2 = 1 / (C * sum of sample weights)`. Two
    classes share one vector W, `coef_` (1, D), as in scikit-learn. Columns of any scale are centred and scaled internally; the
    coefficients are for the columns as they are.

    X may be a `numpy.memmap`, larger than memory, also of float16: it stays in its file.

    Parameters
    ----------
    penalty : "l2", "l1", "elasticnet" or None
    C : inverse strength of the penalty, as in scikit-learn: the penalty per row falls with the number of rows; infinite for none
    l2 : the penalty per row, whatever their number; if given, C is not used
    tol : how far above its minimum the objective may be; proven in float64, for the coefficients as they are returned
    fit_intercept : whether to have a bias
    class_weight : None, "balanced", or a mapping from class to weight
    solver : "lbfgs" or "newton"; scikit-learn's "newton-cg" and "newton-cholesky" mean newton here, "sag" and "saga" lbfgs;
        "saga" and "liblinear" have an l1 penalty, found by L-BFGS-B; "liblinear" is for two classes, and penalises the intercept
    max_iter : iterations at most; a ConvergenceWarning says when they were too few
    warm_start : begin at the coefficients of the last fit
    l1_ratio : the share of the l1 penalty; for "l1", 1
    dual, random_state, verbose, n_jobs : as in scikit-learn, without effect
    intercept_scaling : with "liblinear", the larger, the less the intercept is penalised

    Attributes
    ----------
    classes_ : (C,)
    coef_ : (C, D), or (1, D) for two classes; float32 if X was, else float64
    intercept_ : (C,), or (1,)
    n_iter_ : (1,)
    n_features_in_, feature_names_in_ : as in scikit-learn
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None],
        "C": [Interval(Real, 0, None, closed="right")],
        "l2": [Interval(Real, 0, None, closed="left"), None],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions({*SOLVERS})],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }
    _unpickled: ClassVar = UnpickledClassifier

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        l2: float | None = None,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-8,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 500,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l2 = l2
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        """Sparse X is taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (N, D), dense or sparse, and y (N,), the rows weighted by `sample_weight` (N,).

        Raises
        ------
        ValueError
            If a parameter or an array is not what it should be.
        """
        check_parameters(self.solver, self.penalty, self.l1_ratio, C=1.0 if self.l2 else self.C, dual=self.dual)
        given = X
        floats = np.float64 if self.solver == "liblinear" else FLOATS
        mapped = stays_in_file(X)
        taken: dict[str, Any] = {"dtype": [*FLOATS, np.float16], "ensure_all_finite": False} if mapped else {"dtype": floats}
        X, y = validate_data(self, as_array(X), as_array(y), accept_sparse="csr", order="C", **taken)
        X = given if mapped else X  # its type says where the file is
        self.classes_, labels = _classes_and_labels(y)
        if len(self.classes_) < 2:
            raise ValueError(f"classification needs at least 2 classes; the data contains only one class: {self.classes_[0]!r}")
        solution, theta = self._solve(X, labels, self._weights(X, y, labels, sample_weight))
        self.coef_: Any = _as_fitted(given, theta[:, :-1].copy())
        self.intercept_ = _as_fitted(given, theta[:, -1].copy())
        self.n_iter_ = np.array([min(max(1, solution.steps), self.max_iter)], dtype=np.int32)
        if not solution.gap <= self.tol:
            sentence = unconverged(self.solver, solution.steps, self.max_iter, solution.gap, self.tol)
            warnings.warn(sentence, ConvergenceWarning, stacklevel=2)
        return self

    def _solve(self, X: Any, labels: NDArray[Any], weights: NDArray[np.float64] | None) -> tuple[Solution, NDArray[Any]]:
        """The solution, and its theta (K, D + 1) as `coef_` and `intercept_` hold it: K = C, or 1 for two classes."""
        liblinear = self.solver == "liblinear"
        if liblinear and len(self.classes_) > 2:
            raise ValueError(translate("solvers.estimator_multiclass"))
        l2, l1 = penalties_per_row(
            self.penalty,
            self.l1_ratio,
            C=self.C,
            l2=self.l2,
            weight_sum=len(labels) if weights is None else float(weights.sum()),
            classes=len(self.classes_),
        )
        solution = solve_arrays(
            with_column(X, self.intercept_scaling) if liblinear and self.fit_intercept else X,
            labels.astype(np.int64, copy=False),
            len(self.classes_),
            l2,
            l1,
            weights=weights,
            fit_intercept=self.fit_intercept and not liblinear,
            start=None if liblinear else self._start(X),
            solver=SOLVERS[self.solver],
            tol=self.tol,
            max_iter=self.max_iter,
        )
        theta = solution.theta[1:] - solution.theta[:1] if len(self.classes_) == 2 else solution.theta
        if liblinear and self.fit_intercept:
            theta = np.column_stack([theta[:, :-2], self.intercept_scaling * theta[:, -2]])
        return solution, theta

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled such that predicting needs NumPy alone; subclasses as usual."""
        if type(self) is not self._unpickled.whole():
            return super().__reduce_ex__(protocol)
        return restore, (self._unpickled,), self.__getstate__()

    def sparsify(self) -> Self:
        """Store `coef_` as a CSR matrix; smaller if most coefficients are zero, and predictions stay the same."""
        check_is_fitted(self)
        self.coef_ = sparse.csr_array(self.coef_)
        return self

    def densify(self) -> Self:
        """Undo `sparsify`."""
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray()
        return self

    def _decision(self, X: Any) -> NDArray[np.floating[Any]]:
        check_is_fitted(self)
        X = validate_data(self, as_array(X), accept_sparse="csr", dtype=FLOATS, reset=False)
        logits: NDArray[np.floating[Any]] = safe_sparse_dot(X, as_array(self.coef_).T, dense_output=True)
        logits = logits + as_array(self.intercept_)
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def _start(self, X: Any) -> NDArray[Any] | None:
        """The coefficients of the last fit (C, D + 1), if there are any for such data and they are asked for."""
        if not self.warm_start or not hasattr(self, "coef_"):
            return None
        coef = self.coef_.toarray() if sparse.issparse(self.coef_) else as_array(self.coef_)
        theta = np.column_stack([coef, as_array(self.intercept_)])
        theta = np.concatenate([-theta, theta]) / 2 if len(theta) == 1 else theta
        return theta if theta.shape == (len(self.classes_), X.shape[1] + 1) else None

    def _weights(self, X: Any, y: Any, labels: Any, sample_weight: ArrayLike | None) -> Any:
        """The weight of each row, (N,); None if all are 1."""
        if sample_weight is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(as_array(sample_weight), X, dtype=np.float64, ensure_non_negative=True, copy=True)
        if self.class_weight is not None:
            per_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y, sample_weight=weights)
            wrong = per_class[~((per_class >= 0) & np.isfinite(per_class))]
            if len(wrong):
                raise ValueError(translate("solvers.estimator_class_weight", value=float(wrong[0])))
            weights *= per_class[labels]
        return weights


def _classes_and_labels(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes (C,), and which of them each of y (N,) is."""
    discrete = y.dtype.kind in "biuU"
    if not discrete:
        check_classification_targets(y)
    classes, labels = np.unique(y, return_inverse=True)
    if discrete and 2 * len(classes) > len(y):
        check_classification_targets(y)  # which warns of so many
    return classes, labels


def _as_fitted(x: Any, coefficients: NDArray[Any]) -> Any:
    """As scikit-learn: tensors like x, if its array API dispatch is switched on, else a numpy array."""
    return like(x, coefficients) if get_config()["array_api_dispatch"] else coefficients
