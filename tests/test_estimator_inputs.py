"""What people pass to the estimators: frames, labels, weights and arrays of all kinds; each as good as plain arrays, or refused."""

import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from softreg.estimator import SoftmaxClassifier
from softreg.estimator_cv import SoftmaxClassifierCV

pytestmark = pytest.mark.usefixtures("one_thread")
Array = NDArray[Any]
X, Y = make_classification(120, 6, n_informative=4, n_redundant=0, n_classes=3, flip_y=0.1, random_state=0)
NAMES = np.array(["a", "b", "c"])
COLUMNS = [f"f{j}" for j in range(6)]
BIG_ENDIAN, READ_ONLY = X.astype(">f8"), X.copy()
READ_ONLY.flags.writeable = False


def masked_sparse() -> Any:
    """Rows whose indices are 64 bits wide."""
    rows = sparse.csr_array(X)
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    return rows


def sparse_tensor() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that CSR tensors are new
        return torch.from_numpy(X).to_sparse_csr()


ROWS: dict[str, Callable[[], Any]] = {
    "list": X.tolist,
    "frame": lambda: pd.DataFrame(X, columns=COLUMNS),
    "nullable frame": lambda: pd.DataFrame(X, columns=COLUMNS).astype("Float64"),
    "big-endian": lambda: BIG_ENDIAN,
    "read-only": lambda: READ_ONLY,
    "Fortran order": lambda: np.asfortranarray(X),
    "every other number": lambda: np.repeat(X, 2, axis=1)[:, ::2],
    "long double": lambda: X.astype(np.longdouble),
    "tensor": lambda: torch.from_numpy(X).requires_grad_(),
    "list of tensors": lambda: list(torch.from_numpy(X)),
    "coo": lambda: sparse.coo_array(X),
    "lil": lambda: sparse.lil_matrix(X),
    "bsr": lambda: sparse.bsr_array(X),
    "64-bit indices": masked_sparse,
    "COO tensor": lambda: torch.from_numpy(X).to_sparse(),
    "CSR tensor": sparse_tensor,
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
@pytest.mark.parametrize("rows", ROWS)
def test_rows_of_any_kind(rows: str) -> None:
    fitted = SoftmaxClassifier().fit(ROWS[rows](), Y)
    np.testing.assert_allclose(fitted.coef_, SoftmaxClassifier().fit(X, Y).coef_, atol=1e-3)
    assert (
        np.mean(
            np.asarray(fitted.predict(ROWS[rows]()))
            == fitted.predict(X if rows not in {"frame", "nullable frame"} else ROWS[rows]())
        )
        == 1
    )


LABELS: dict[str, tuple[Any, Any]] = {
    "strings": (NAMES[Y], NAMES),
    "objects": (NAMES.astype(object)[Y], NAMES),
    "categories": (pd.Series(NAMES[Y], dtype="category"), NAMES),
    "pandas strings": (pd.Series(NAMES[Y], dtype="string"), NAMES),
    "nullable": (pd.Series(Y, dtype="Int64"), [0, 1, 2]),
    "bool": (Y > 0, [False, True]),
    "floats": (Y / 1.0 - 1, [-1, 0, 1]),
    "big-endian": (Y.astype(">i8"), [0, 1, 2]),
    "bytes of eight bits": (Y.astype(np.uint8) + 250, [250, 251, 252]),
    "tensor": (torch.from_numpy(Y), [0, 1, 2]),
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_any_kind(labels: str) -> None:
    given, classes = LABELS[labels]
    fitted = SoftmaxClassifier().fit(X, given)
    assert list(fitted.classes_) == list(classes)
    assert np.mean(np.asarray(fitted.predict(X)) == np.asarray(classes)[Y if len(classes) > 2 else np.minimum(Y, 1)]) > 0.6
    peer = LogisticRegression(max_iter=1000).fit(X, np.asarray(given) if labels == "tensor" else given)
    assert fitted.predict(X).dtype.kind == peer.predict(X).dtype.kind


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "NaN": (np.where(X > 2, np.nan, X), Y, "NaN"),
    "infinity": (np.where(X > 2, np.inf, X), Y, "infinity"),
    "complex": (X + 1j, Y, "Complex"),
    "words": (pd.DataFrame({"f": ["red", "green"] * 60}), Y, "could not convert"),
    "one class": (X, np.zeros(120), "one class"),
    "continuous": (X, Y + X[:, 0], "continuous"),
    "two columns of labels": (X, np.eye(3)[Y], "1d array"),
    "NaN labels": (X, np.where(Y == 1, np.nan, Y), "NaN"),
    "mixed labels": (X, np.array([1, "b", 2], dtype=object)[Y], "Unknown label type"),
    "no rows": (X[:0], Y[:0], "0 sample"),
    "no columns": (X[:, :0], Y, "0 feature"),
    "fewer labels": (X, Y[1:], "inconsistent"),
}


@pytest.mark.parametrize("estimator", [SoftmaxClassifier(), SoftmaxClassifierCV(Cs=2, cv=2)])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_words(case: str, estimator: Any) -> None:
    rows, labels, words = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=words):
        clone(estimator).fit(rows, labels)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_class_weight_that_is_no_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="at least 0, got"):
        SoftmaxClassifier(class_weight={0: weight}).fit(X, Y)


def test_numbers_too_large_to_compute_with_are_refused() -> None:
    rows = np.tile(X, (200, 1))
    rows[7, 0] = 1e200
    with pytest.raises(ValueError, match="too large"):
        SoftmaxClassifier(tol=1e-6).fit(rows, np.tile(Y, 200))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_without_weight_is_never_predicted_and_the_others_are_as_without_it(classes: int) -> None:
    x, y = X[classes > Y], Y[classes > Y]
    weighted = y < classes - 1
    fitted = SoftmaxClassifier(class_weight={classes - 1: 0}).fit(x, y)
    assert fitted.predict_proba(x[weighted])[:, -1].mean() < 1e-9
    np.testing.assert_allclose(
        SoftmaxClassifier().fit(x, y, weighted.astype(float)).predict_proba(x), fitted.predict_proba(x), atol=1e-6
    )
    if classes == 3:
        two = SoftmaxClassifier(C=2).fit(x[weighted], y[weighted])  # whose one vector has half the penalty of two
        np.testing.assert_allclose(fitted.predict_proba(x)[weighted, :2], two.predict_proba(x)[weighted], atol=1e-4)


def test_after_a_fit_that_failed_it_predicts_as_before() -> None:
    fitted = SoftmaxClassifier().fit(X, Y)
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full_like(X, np.nan), Y)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_a_warm_start_with_other_classes_or_columns_is_a_cold_one() -> None:
    warm = SoftmaxClassifier(warm_start=True).fit(X, Y)
    for rows, labels in ((X, Y > 0), (X[:, :4], Y), (X[:, :4], NAMES[Y])):
        np.testing.assert_allclose(
            warm.fit(rows, labels).predict_proba(rows), SoftmaxClassifier().fit(rows, labels).predict_proba(rows), atol=1e-3
        )


def test_frames_go_through_pipelines_and_calibration() -> None:
    frame = pd.DataFrame(X, columns=COLUMNS)
    pipeline = make_pipeline(StandardScaler(), SoftmaxClassifier()).set_output(transform="pandas").fit(frame, NAMES[Y])
    assert list(pipeline[-1].feature_names_in_) == COLUMNS
    with pytest.raises(ValueError, match="feature names"):
        pipeline.predict(frame[COLUMNS[::-1]])
    calibrated = CalibratedClassifierCV(SoftmaxClassifier(), cv=2).fit(frame, NAMES[Y])
    np.testing.assert_allclose(calibrated.predict_proba(frame).sum(1), 1)


def test_folds_may_be_fitted_at_once_and_given_as_they_are() -> None:
    folds = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    with joblib.parallel_backend("threading"):
        one, two = (SoftmaxClassifierCV(Cs=2, cv=folds, n_jobs=jobs, random_state=0).fit(X, Y) for jobs in (None, 2))
    np.testing.assert_allclose(one.scores_, two.scores_)
