"""SoftmaxClassifier with its penalty chosen by cross-validation. May import `estimator` and what is below."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from softreg.compute.array_types import as_array
from softreg.errors import MissingExtraError
from softreg.estimator import SoftmaxClassifier
from softreg.messages import translate
from softreg.unpickled import UnpickledClassifierCV

try:
    from sklearn.base import _fit_context, clone
    from sklearn.metrics import check_scoring
    from sklearn.model_selection import check_cv
    from sklearn.utils import _safe_indexing
    from sklearn.utils._param_validation import HasMethods, Interval
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.parallel import Parallel, delayed
    from sklearn.utils.validation import _check_sample_weight, _check_y, indexable
except ImportError as error:
    raise MissingExtraError("solvers.needs_sklearn") from error

DEFAULT_CS = 10
WEAKEST, STRONGEST = 4, -4  # powers of ten, scikit-learn's


class SoftmaxClassifierCV(SoftmaxClassifier):
    """`SoftmaxClassifier` with the C of `Cs` that has the best mean score over the folds, fitted to all rows.

    In every fold the strongest penalty comes first, and each minimum is the start for the next weaker penalty: a path costs little
    more than its last fit. All minima are proven to `tol`.

    Parameters
    ----------
    Cs : the values of C to try, or their number, evenly on a logarithmic scale from 1e-4 to 1e4
    cv : number of folds, 5 if None, a splitter of scikit-learn's, or the folds, such as `list(GroupKFold().split(X, y, groups))`
    scoring : a name of one of scikit-learn's scorers, or a callable (estimator, X, y); the accuracy if None
    tol, fit_intercept, class_weight, solver, max_iter : those of `SoftmaxClassifier`
    n_jobs : folds fitted at a time; 1 if None
    random_state, verbose : as in scikit-learn, without effect

    Attributes
    ----------
    C_ : the chosen C; if scores are equal, that of the strongest penalty
    Cs_ : (M,), ascending
    scores_ : (folds, M)
    classes_, coef_, intercept_, n_iter_, n_features_in_, feature_names_in_ : as those of `SoftmaxClassifier`
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "cv": ["cv_object"],
        "scoring": [str, callable, HasMethods("__call__"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        **{
            name: SoftmaxClassifier._parameter_constraints[name]
            for name in ("fit_intercept", "class_weight", "solver", "max_iter", "n_jobs", "random_state", "verbose")
        },
    }
    _unpickled = UnpickledClassifierCV

    def __init__(
        self,
        Cs: Any = DEFAULT_CS,
        *,
        cv: Any = None,
        scoring: Any = None,
        tol: float = 1e-6,
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 500,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.Cs = Cs
        self.cv = cv
        self.scoring = scoring
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose C, then fit to X (N, D), dense or sparse, and y (N,), the rows weighted by `sample_weight` (N,).

        Raises
        ------
        ValueError
            If a parameter or an array is not what it should be.
        """
        self.Cs_: NDArray[np.float64] = np.sort(
            np.logspace(STRONGEST, WEAKEST, self.Cs) if isinstance(self.Cs, Integral) else np.asarray(self.Cs, dtype=np.float64)
        )
        if not (self.Cs_ > 0).all():
            raise ValueError(translate("solvers.estimator_cs", value=float(self.Cs_.min())))
        names = ("tol", "fit_intercept", "class_weight", "solver", "max_iter")
        best = SoftmaxClassifier(warm_start=True, **{name: getattr(self, name) for name in names})
        X, y, sample_weight = indexable(X, y, sample_weight)
        y = _check_y(as_array(y))
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        folds = check_cv(self.cv, y, classifier=True).split(X, y)
        scores = delayed(self._scores)
        jobs = (scores(clone(best), X, y, sample_weight, train, test) for train, test in folds)
        self.scores_ = np.array(Parallel(n_jobs=self.n_jobs)(jobs))
        self.C_ = float(self.Cs_[self.scores_.mean(0).argmax()])
        best.set_params(C=self.C_).fit(X, y, sample_weight)
        for name, value in vars(best).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(self, name, value)
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """By `scoring`; the accuracy if that is None."""
        if self.scoring is None:
            return float(super().score(X, y, sample_weight))
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(check_scoring(self, scoring=self.scoring)(self, X, y, **weights))

    def _scores(self, estimator: Any, X: Any, y: Any, weights: Any, train: Any, test: Any) -> list[float]:
        """The score (M,) on the rows `test` for every C, learnt from the rows `train`."""
        scorer = check_scoring(estimator, scoring=self.scoring)
        learnt, asked = ([_safe_indexing(array, rows) for array in (X, y)] for rows in (train, test))
        learnt.append(None if weights is None else weights[train])
        options = {} if weights is None else {"sample_weight": weights[test]}
        return [scorer(estimator.set_params(C=float(C)).fit(*learnt), *asked, **options) for C in self.Cs_]
