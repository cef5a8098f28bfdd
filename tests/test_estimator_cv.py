"""SoftmaxClassifierCV: scikit-learn's scores and choice, over a path that begins each fit where the last one ended."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator

import softreg
from softreg.estimator import SoftmaxClassifier
from softreg.estimator_cv import SoftmaxClassifierCV

pytestmark = pytest.mark.usefixtures("one_thread")
CS = [10.0, 0.001, 0.1]


@pytest.fixture(scope="module")
def problem() -> tuple[Any, Any]:
    x, y = make_classification(150, 8, n_informative=5, n_classes=3, flip_y=0.2, random_state=0)
    return x, y


def test_scikit_learns_checks() -> None:
    for estimator, check in estimator_checks_generator(SoftmaxClassifierCV(Cs=[0.1, 1.0], cv=2), legacy=True):
        check(estimator)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_scores_and_choice_are_those_of_separate_fits(problem: tuple[Any, Any], scoring: str | None) -> None:
    x, y = problem
    fitted = SoftmaxClassifierCV(CS, cv=4, scoring=scoring, tol=1e-10).fit(x, y)
    np.testing.assert_array_equal(fitted.Cs_, sorted(CS))
    folds = StratifiedKFold(4)
    for j, c in enumerate(fitted.Cs_):
        peer = LogisticRegression(C=c, tol=1e-10, max_iter=10_000)
        np.testing.assert_allclose(fitted.scores_[:, j], cross_val_score(peer, x, y, cv=folds, scoring=scoring), atol=1e-4)
    assert fitted.Cs_[fitted.scores_.mean(0).argmax()] == fitted.C_
    np.testing.assert_allclose(fitted.coef_, SoftmaxClassifier(C=fitted.C_, tol=1e-10).fit(x, y).coef_, atol=1e-3)
    assert fitted.predict(x).shape == y.shape


def test_weights_count_as_repeated_rows_would(problem: tuple[Any, Any]) -> None:
    x, y = problem
    weights = np.random.default_rng(0).integers(1, 3, len(y)).astype(float)
    fitted = SoftmaxClassifierCV([0.1], cv=3, scoring="neg_log_loss", tol=1e-10).fit(x, y, sample_weight=weights)
    train, test = next(StratifiedKFold(3).split(x, y))
    again = SoftmaxClassifier(C=0.1, tol=1e-10).fit(x[train], y[train], weights[train])
    losses = -again.predict_log_proba(x[test])[np.arange(len(test)), y[test]]
    assert fitted.scores_[0, 0] == pytest.approx(-np.average(losses, weights=weights[test]), abs=1e-5)


def test_sparse_rows_and_a_number_of_values() -> None:
    x, y = load_iris(return_X_y=True)
    fitted = SoftmaxClassifierCV(3, cv=3).fit(sparse.csr_array(x), y)
    np.testing.assert_allclose(fitted.Cs_, [1e-4, 1, 1e4])
    assert fitted.score(x, y) > 0.95


@pytest.mark.parametrize("settings", [{"Cs": 0}, {"Cs": [0.0, 1.0]}, {"scoring": 3}, {"tol": -1.0}, {"solver": "unknown"}])
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SoftmaxClassifierCV(**settings).fit(*load_iris(return_X_y=True))


def test_it_is_a_public_name() -> None:
    assert softreg.SoftmaxClassifierCV is SoftmaxClassifierCV
