"""SoftmaxClassifier: scikit-learn's own checks, and LogisticRegression's coefficients."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.datasets import load_iris, make_classification
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
    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        SoftmaxClassifier(max_iter=1).fit(*iris)


def test_an_unknown_solver_is_refused(iris: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"solver.*must be a str among"):
        SoftmaxClassifier(solver="adam").fit(*iris)


@pytest.mark.parametrize("settings", [{"C": 0.0}, {"C": -1.0}, {"tol": -1.0}, {"max_iter": -1}, {"penalty": "l3"}, {"l2": -1.0}])
def test_parameters_are_checked_as_scikit_learns(iris: tuple[Any, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter of SoftmaxClassifier"):
        SoftmaxClassifier(**settings).fit(*iris)


@pytest.mark.parametrize("settings", [{"solver": "liblinear"}, {"penalty": "l1"}, {"l1_ratio": 0.5}, {"dual": True}])
def test_what_only_other_solvers_can_is_refused(iris: tuple[Any, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"liblinear|penalties|dual=False"):
        SoftmaxClassifier(**settings).fit(*iris)


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("classes", [2, 3])
def test_without_intercept(iris: tuple[Any, Any], classes: int, solver: str) -> None:
    x, y = (part[-50 * classes :] for part in iris)
    ours = SoftmaxClassifier(solver=solver, fit_intercept=False, tol=1e-12).fit(x, y)
    peer = LogisticRegression(solver="newton-cholesky", fit_intercept=False, tol=1e-12).fit(x, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, rtol=1e-4, atol=1e-5)
    assert not ours.intercept_.any()


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning", "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("settings", [{"penalty": None}, {"C": np.inf}])
def test_without_penalty(settings: dict[str, Any]) -> None:
    x, y = make_classification(300, 6, n_informative=4, flip_y=0.3, n_classes=3, random_state=0)
    ours = SoftmaxClassifier(tol=1e-12, **settings).fit(x, y)
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning:sklearn.linear_model")
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("C", [0.05, 1.0])
def test_an_elastic_net_is_scikit_learns(C: float, share: float, classes: int, fit_intercept: bool) -> None:
    x, y = make_classification(200, 8, n_informative=5, n_redundant=0, n_classes=classes, flip_y=0.2, random_state=0)
    settings: dict[str, Any] = {"solver": "saga", "l1_ratio": share, "C": C, "fit_intercept": fit_intercept}
    ours = SoftmaxClassifier(tol=1e-10, **settings).fit(x, y)  # a ConvergenceWarning would be an error
    peer = LogisticRegression(tol=1e-8, max_iter=20_000, random_state=0, **settings).fit(x, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=2e-4)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(peer.coef_) < 1e-12)


@pytest.mark.parametrize("settings", [{}, {"l1_ratio": 1.0}, {"fit_intercept": False}, {"intercept_scaling": 10.0}, {"dual": True}])
@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array])
def test_liblinears_problem_has_liblinears_minimum(settings: dict[str, Any], stored: Any) -> None:
    x, y = make_classification(200, 8, n_informative=5, n_redundant=0, flip_y=0.2, random_state=0)
    ours = SoftmaxClassifier(solver="liblinear", tol=1e-10, **settings).fit(stored(x), y)
    peer = LogisticRegression(solver="liblinear", tol=1e-8, max_iter=10_000, random_state=0, **settings).fit(x, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.intercept_, peer.intercept_, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"l1_ratio": 0.5}, "Only 'saga' solver supports elasticnet"),
        ({"C": np.inf}, "penalty=None is not supported"),
        ({}, "does not support multiclass"),
    ],
)
def test_what_liblinear_cannot_do_is_refused(iris: tuple[Any, Any], settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SoftmaxClassifier(solver="liblinear", **settings).fit(*iris)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3])
def test_with_array_api_dispatch_coefficients_are_tensors(
    iris: tuple[Any, Any], dtype: torch.dtype, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    x, y = (part[-50 * classes :] for part in iris)
    tensor = torch.from_numpy(x).to(dtype)
    plain = SoftmaxClassifier(C=0.1, tol=1e-7).fit(tensor.numpy(), y)
    with config_context(array_api_dispatch=True):
        fitted = SoftmaxClassifier(C=0.1, tol=1e-7, warm_start=True).fit(tensor, y).fit(tensor, y)
        assert fitted.coef_.dtype == fitted.predict_proba(tensor).dtype == dtype
        np.testing.assert_allclose(fitted.coef_.numpy(), plain.coef_, atol=1e-3)
        np.testing.assert_array_equal(fitted.predict(tensor), plain.predict(x))


def test_the_l1_penalty_alone_and_what_it_needs(iris: tuple[Any, Any]) -> None:
    x, y = iris
    alone = SoftmaxClassifier("l1", solver="saga", C=0.05).fit(x, y)
    np.testing.assert_allclose(alone.coef_, SoftmaxClassifier(l1_ratio=1, solver="saga", C=0.05).fit(x, y).coef_)
    assert (alone.coef_ == 0).any()
    with pytest.raises(ValueError, match="l1_ratio"):
        SoftmaxClassifier("elasticnet", solver="saga", l1_ratio=None).fit(x, y)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_give_what_dense_ones_give(container: Any, dtype: Any) -> None:
    x, y = make_classification(300, 30, n_informative=8, n_classes=3, random_state=0)
    x = np.where(np.abs(x) < 1, 0, x).astype(dtype)
    dense, thin = SoftmaxClassifier(tol=1e-10).fit(x, y), SoftmaxClassifier(tol=1e-10).fit(container(x), y)
    np.testing.assert_allclose(thin.coef_, dense.coef_, atol=1e-4)
    np.testing.assert_allclose(thin.predict_proba(container(x)), dense.predict_proba(x), atol=1e-4)
    np.testing.assert_array_equal(thin.predict(x), thin.sparsify().predict(container(x)))
    assert thin.densify().coef_.dtype == dtype


def test_a_warm_start_has_little_left_to_do(iris: tuple[Any, Any]) -> None:
    fitted = SoftmaxClassifier(warm_start=True).fit(*iris)
    cold, before = fitted.n_iter_[0], fitted.coef_
    warm = fitted.fit(*iris)
    assert warm.n_iter_[0] < cold
    np.testing.assert_allclose(warm.coef_, before, atol=1e-3)


def test_tensors_are_answered_by_tensors() -> None:
    x, y = load_iris(return_X_y=True)
    fitted = SoftmaxClassifier().fit(torch.from_numpy(x), torch.from_numpy(y))
    predictions, probabilities = fitted.predict(torch.from_numpy(x)), fitted.predict_proba(torch.from_numpy(x))
    assert isinstance(predictions, torch.Tensor)
    np.testing.assert_array_equal(predictions.numpy(), fitted.predict(x))
    np.testing.assert_array_equal(probabilities.numpy(), fitted.predict_proba(x))


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Rows in a file, and labels; the file counts as large."""
    monkeypatch.setattr("softreg.optim.arrays.MAX_NUMEL", 100)
    x, y = make_classification(400, 12, n_informative=8, n_classes=4, random_state=0)
    np.save(tmp_path / "rows.npy", x.astype(np.float16))
    return np.load(tmp_path / "rows.npy", mmap_mode="r"), y


def test_rows_in_a_file_are_as_good_as_rows_in_memory(mapped: tuple[Any, Any]) -> None:
    x, y = mapped
    fitted, plain = SoftmaxClassifier(tol=1e-9).fit(x, y), SoftmaxClassifier(tol=1e-9).fit(np.asarray(x, dtype=np.float64), y)
    np.testing.assert_allclose(fitted.coef_, plain.coef_, atol=1e-3)
    assert fitted.coef_.dtype == np.float32
    part = SoftmaxClassifier(tol=1e-9).fit(x[100:300], y[100:300])
    np.testing.assert_allclose(part.coef_, SoftmaxClassifier(tol=1e-9).fit(np.array(x[100:300]), y[100:300]).coef_, atol=1e-3)


def test_rows_in_a_file_that_are_not_finite_are_refused(tmp_path: Path, mapped: tuple[Any, Any]) -> None:
    x, y = mapped
    spoilt = np.array(x)
    spoilt[7, 3] = np.nan
    np.save(tmp_path / "spoilt.npy", spoilt)
    with pytest.raises(ValueError, match="NaN"):
        SoftmaxClassifier().fit(np.load(tmp_path / "spoilt.npy", mmap_mode="r"), y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")
def test_a_forked_child_can_fit_after_its_parent() -> None:
    code = """
import os, sys, numpy, warnings
warnings.simplefilter("ignore")
from softreg import SoftmaxClassifier
x = numpy.random.default_rng(0).normal(size=(9000, 200)); y = (x[:, 0] > 0) + (x[:, 1] > 0)
SoftmaxClassifier(tol=1e-3).fit(x, y)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
SoftmaxClassifier(tol=1e-3).fit(x, y)
os._exit(0)
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], env=environment, timeout=120, check=True)


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
