"""SoftmaxClassifier: scikit-learn's own checks, and LogisticRegression's coefficients."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import softreg
from softreg.estimator import SoftmaxClassifier

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
def test_scikit_learns_checks(solver: str) -> None:
    results = check_estimator(SoftmaxClassifier(solver=solver), on_skip=None, on_fail="raise")
    assert len(results) > 50
    left_out = [str(check["exception"]) for check in results if check["status"] != "passed"]
    assert all("pandas" in why or "SCIPY_ARRAY_API" in why for why in left_out), left_out  # what is not installed, not switched on


@pytest.fixture(scope="module")
def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "settings", [{}, {"C": 0.01}, {"C": 100.0}, {"class_weight": "balanced"}, {"class_weight": {"versicolor": 3.0}}]
)
def test_coefficients_are_logistic_regressions(iris: tuple[Any, Any], solver: str, classes: int, settings: dict[str, Any]) -> None:
    x, y = (part[-50 * classes :] for part in iris)
    weights = np.random.default_rng(0).random(len(y)) + 0.1
    ours = SoftmaxClassifier(solver=solver, tol=1e-12, **settings).fit(x, y, weights)
    peer = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000, **settings).fit(x, y, weights)
    np.testing.assert_allclose(ours.coef_, peer.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, peer.intercept_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x), atol=1e-5)
    assert ours.score(x, y) == peer.score(x, y)


def test_float32_stays_and_probabilities_are_float64(iris: tuple[Any, Any]) -> None:
    x, y = iris
    fitted = SoftmaxClassifier().fit(x.astype(np.float32), y)
    assert fitted.coef_.dtype == fitted.intercept_.dtype == np.float32
    assert fitted.predict_proba(x.astype(np.float32)).dtype == np.float64


def test_in_a_pipeline_and_a_grid_search(iris: tuple[Any, Any]) -> None:
    search = GridSearchCV(make_pipeline(StandardScaler(), SoftmaxClassifier()), {"softmaxclassifier__C": [0.1, 10.0]}, cv=3).fit(
        *iris
    )
    assert search.best_score_ > 0.95


def test_too_few_iterations_warn(iris: tuple[Any, Any]) -> None:
    with pytest.warns(ConvergenceWarning, match="not converged"):
        SoftmaxClassifier(max_iter=1).fit(*iris)


def test_an_unknown_solver_is_refused(iris: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="lbfgs, newton"):
        SoftmaxClassifier(solver="adam").fit(*iris)


def test_it_is_a_public_name() -> None:
    assert softreg.SoftmaxClassifier is SoftmaxClassifier


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['sklearn.base'] = None; import softreg; softreg.SoftmaxClassifier"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith(
        "SoftmaxClassifier needs scikit-learn, which is not installed; run: pip install 'softreg[sklearn]'"
    )
