"""An unpickled SoftmaxClassifier: what it answers with NumPy alone, and that it is the whole estimator when asked for more."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from softreg.estimator import SoftmaxClassifier
from softreg.estimator_cv import SoftmaxClassifierCV
from softreg.unpickled import UnpickledClassifier

pytestmark = pytest.mark.usefixtures("one_thread")
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def iris(classes: int = 3) -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x[: 50 * classes], np.array(["setosa", "versicolor", "virginica"])[y][: 50 * classes]


def unpickled(**settings: Any) -> Any:
    """As it is where scikit-learn is not imported."""
    light = UnpickledClassifier()
    light.__setstate__(vars(SoftmaxClassifier(**settings).fit(*iris())).copy())
    return light


@pytest.mark.parametrize(
    ("estimator", "classes", "dtype"), [(SoftmaxClassifier(), 3, "float32"), (SoftmaxClassifierCV(2, cv=2), 2, "float64")]
)
def test_a_service_predicts_with_numpy_alone(estimator: Any, classes: int, dtype: str, tmp_path: Path) -> None:
    x, y = iris(classes)
    fitted = clone(estimator).fit(x.astype(dtype), y)
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps(fitted))
    for kind in ("float64", "float32", "float16", "uint8"):
        np.savez(tmp_path / kind, x=x.astype(kind), **{name: getattr(fitted, name)(x.astype(kind)) for name in METHODS})
    code = f"""
import pickle, sys, numpy
fitted = pickle.loads(pickle.dumps(pickle.load(open("fitted.pickle", "rb"))))
for kind in ("float64", "float32", "float16", "uint8"):
    expected = numpy.load(kind + ".npz")
    for name in {METHODS}:
        numpy.testing.assert_array_equal(getattr(fitted, name)(expected["x"]), expected[name])
    assert fitted.predict(expected["x"][:1]) == expected["predict"][0]
assert fitted.classes_[0] == "setosa" and fitted.coef_.shape[1] == 4 and not isinstance(fitted, dict)
assert not {{"torch", "sklearn", "scipy", "pandas"}} & set(sys.modules), "imported"
from sklearn.base import BaseEstimator
assert isinstance(fitted, BaseEstimator)
assert fitted.score(expected["x"], fitted.predict(expected["x"])) == 1
assert type(fitted).__name__ == "{type(estimator).__name__}"
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "request_",
    [
        repr,
        dir,
        clone,
        is_classifier,
        copy.deepcopy,
        lambda light: light.get_params(),
        lambda light: light._repr_html_(),
        lambda light: light.fit(*iris()),
        lambda light: light.predict(iris()[0].tolist()),
    ],
)
def test_on_any_other_request_it_is_the_estimator(request_: Callable[[Any], object]) -> None:
    light = unpickled(C=2.0)
    assert isinstance(light, BaseEstimator)
    request_(light)
    assert type(light) is SoftmaxClassifier
    assert light.C == 2.0
    assert vars(light).keys() == vars(SoftmaxClassifier().fit(*iris())).keys()


def test_what_one_thread_has_begun_to_ask_is_answered_after_another_made_it_the_estimator() -> None:
    light = unpickled(C=2.0)
    begun: Any = type(light).__repr__
    light.get_params()  # the other thread
    assert type(light) is SoftmaxClassifier
    assert begun(light) == repr(SoftmaxClassifier(C=2.0))


@pytest.mark.parametrize("rows", [np.ones((3, 5)), np.ones(4), np.full((1, 4), np.nan), np.ones((0, 4)), np.full((1, 4), 1j)])
def test_rows_that_cannot_be_are_refused_as_by_scikit_learn(rows: Any) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        LogisticRegression(max_iter=1000).fit(*iris()).predict(rows)
    with pytest.raises(ValueError, match=r".") as refused_here:
        unpickled().predict(rows)
    assert str(refused_here.value) == str(refused.value).replace("LogisticRegression", "SoftmaxClassifier")


def test_where_scikit_learn_is_imported_it_is_the_estimator_at_once(tmp_path: Path) -> None:
    fitted = SoftmaxClassifier(warm_start=True).fit(*iris())
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    loaded = joblib.load(tmp_path / "fitted.joblib", mmap_mode="r")
    assert type(loaded) is SoftmaxClassifier
    np.testing.assert_array_equal(loaded.predict_proba(iris()[0]), fitted.predict_proba(iris()[0]))
    assert loaded.fit(*iris()).n_iter_ <= fitted.n_iter_
    assert type(pickle.loads(pickle.dumps(SoftmaxClassifier()))) is SoftmaxClassifier


class Weighted(SoftmaxClassifier):
    """What a user may derive."""


def test_a_derived_class_is_pickled_as_any_other() -> None:
    loaded = pickle.loads(pickle.dumps(Weighted(C=3.0).fit(*iris())))
    assert type(loaded) is Weighted
    assert loaded.C == 3.0


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_said_of_rows_is_softmax_of_their_logits_also_of_very_large_ones(classes: int) -> None:
    rng, names = np.random.default_rng(1), np.array(["a", "b", "c"])[:classes]
    coef, rows = rng.normal(size=(classes if classes > 2 else 1, 4)), rng.normal(size=(25, 4)) * [[0], *[[1]] * 20, *[[1000]] * 4]
    light: Any = UnpickledClassifier()
    light.__setstate__({"coef_": coef, "intercept_": 0.0, "classes_": names, "n_features_in_": 4})
    logits = rows @ coef.T if classes > 2 else np.column_stack([np.zeros(25), rows @ coef[0]])
    np.testing.assert_allclose(light.predict_log_proba(rows), log_softmax(logits, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(light.predict(rows), names[logits.argmax(1)])
