"""The preset `optimum`: MNIST's one optimum, found, with its proof reported in both languages."""

import re
from typing import Any

import pytest

import softreg
from softreg.messages import use_language
from softreg.recipe import Recipe
from softreg.runs.run import Run

OPTIMUM = 0.2592482943  # by scikit-learn's newton-cholesky, in float64


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return softreg.train(Recipe.preset("optimum"), tmp_path_factory.mktemp("runs") / "optimum")


def test_it_is_the_optimum_to_its_tolerance(run: Run) -> None:
    gap = run.result["objective"] - OPTIMUM
    assert -1e-8 < gap < 1.5e-6
    assert run.result["evaluation"]["accuracy"] == pytest.approx(0.926, abs=5e-4)


def test_the_proof_is_above_the_gap_and_not_far(run: Run) -> None:
    params: dict[str, Any] = run.termination.params
    gap = run.result["objective"] - OPTIMUM
    assert gap / 3 < params["gap"] < 3 * gap + 1e-8
    assert gap <= params["proven"] < 1e-4


def test_both_are_reported(run: Run) -> None:
    assert re.fullmatch(r"converged in \d+ iterations: about \de-0\d from the minimum, proven below \de-0\d", str(run.termination))
    use_language("ko")
    assert re.fullmatch(r"\d+번 반복하여 수렴했습니다. 최솟값과의 차이 약 \de-0\d\(증명된 상한 \de-0\d\)", str(run.termination))
