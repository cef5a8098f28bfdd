"""Parameters as scikit-learn means them: its objective, written out, is the one minimised here times C and the sum of weights."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.optim.sklearn_parameters import SOLVERS, check_parameters, l1_share, penalties_per_row, unconverged


@given(
    st.floats(1e-3, 1e3),
    st.sampled_from([("l2", 0.0), ("l1", 0.3), ("elasticnet", 0.3), ("elasticnet", 1.0), ("l2", None)]),
    st.floats(1, 1e4),
    st.integers(2, 5),
)
def test_the_penalty_is_scikit_learns(c: float, penalty: tuple[str, float | None], weight_sum: float, classes: int) -> None:
    l2, l1 = penalties_per_row(*penalty, C=c, l2=None, weight_sum=weight_sum, classes=classes)
    ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": penalty[1] or 0.0}[penalty[0]]
    theirs = np.random.default_rng(classes).normal(size=(1 if classes == 2 else classes, 6))  # coef_
    ours = np.concatenate([-theirs, theirs]) / 2 if classes == 2 else theirs  # a vector for each class
    wanted = (1 - ratio) / 2 * (theirs**2).sum() + ratio * np.abs(theirs).sum()  # beside C * the sum of the losses
    found = l2 / 2 * (ours**2).sum() + l1 * np.abs(ours).sum()  # beside the mean of the losses
    assert found * c * weight_sum == pytest.approx(wanted)


def test_l2_per_row_takes_the_place_of_c() -> None:
    assert penalties_per_row("l2", 0.0, C=7.0, l2=0.25, weight_sum=10, classes=3) == (0.25, 0.0)


@pytest.mark.parametrize(("penalty", "c"), [(None, 1.0), ("l2", math.inf)])
def test_no_penalty(penalty: str | None, c: float) -> None:
    assert penalties_per_row(penalty, 0.0, C=c, l2=None, weight_sum=10, classes=3) == (0.0, 0.0)


def test_a_strength_without_a_penalty_warns() -> None:
    with pytest.warns(UserWarning, match="penalty"):
        penalties_per_row(None, 0.0, C=2.0, l2=None, weight_sum=10, classes=3)


@pytest.mark.parametrize(
    ("penalty", "ratio", "share"),
    [(None, 0.5, 0.0), ("l1", 0.0, 1.0), ("elasticnet", 0.3, 0.3), ("l2", None, 0.0), ("l2", 0.0, 0.0)],
)
def test_the_share_of_l1(penalty: str | None, ratio: float | None, share: float) -> None:
    assert l1_share(penalty, ratio) == share


@pytest.mark.parametrize(
    ("solver", "penalty", "ratio", "dual", "words"),
    [
        ("liblinear", "elasticnet", 0.5, False, "Only 'saga'"),
        ("liblinear", None, 0.0, False, "penalty=None"),
        ("liblinear", "l1", 1.0, True, "dual=False"),
        ("saga", "elasticnet", None, False, "l1_ratio"),
        ("lbfgs", "l1", 0.0, False, "penalties"),
        ("newton", "l2", 0.5, False, "penalties"),
        ("lbfgs", "l2", 0.0, True, "dual=False"),
    ],
)
def test_what_only_other_solvers_can_is_refused(
    solver: str, penalty: str | None, ratio: float | None, dual: bool, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        check_parameters(solver, penalty, ratio, C=1.0, dual=dual)


def test_what_these_solvers_can_is_taken() -> None:
    for solver in SOLVERS:
        check_parameters(solver, "l2", 0.0, C=1.0, dual=False)
    check_parameters("saga", "l1", 0.0, C=1.0, dual=False)
    check_parameters("liblinear", "l2", 0.0, C=1.0, dual=True)


def test_an_l1_ratio_that_is_not_used_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="only used when penalty is 'elasticnet'"):
        check_parameters("saga", "l1", 0.5, C=1.0, dual=False)


@pytest.mark.parametrize(("solver", "words"), [("lbfgs", "lbfgs failed"), ("sag", "max_iter was"), ("newton-cholesky", "after 7")])
def test_the_warning_begins_as_scikit_learns(solver: str, words: str) -> None:
    assert words in unconverged(solver, 7, 7, 1e-3, 1e-8)


def test_it_is_imported_without_torch() -> None:
    script = "import softreg.optim.sklearn_parameters, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
