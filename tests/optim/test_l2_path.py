"""`--l2 auto`: the choice that scikit-learn's optima give, judged by the same images held out; recorded, drawn, reproduced."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Generator

from softreg.cli.train import command
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.errors import RecipeError
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.l2_path import GRID, PATIENCE, best_point, l2_path
from softreg.optim.objective import Objective
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.fit import Fit, TrainState, fit
from softreg.training.reproduce import reproduce

AUTO: dict[str, Any] = {"solver": "lbfgs", "l2": "auto"}
VALUES: dict[str, Any] = {"tol": 1e-6, "max_iterations": 500, "certify": False}


def noisy(n: int = 600, d: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    g = Generator().manual_seed(0)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    return x, (x[:, :3] + 1.5 * torch.randn(n, 3, generator=g, dtype=torch.float64)).argmax(1)


@pytest.mark.usefixtures("one_thread")
def test_each_strength_is_judged_as_scikit_learn_would() -> None:
    x, y = noisy()
    path = l2_path(Objective(DesignMatrix(x, y), 3), 0, "lbfgs", {**VALUES, "tol": 1e-9})
    for point in path:
        peer = LogisticRegression(C=1 / (500 * point.l2), tol=1e-8, max_iter=1000).fit(x[:500].numpy(), y[:500].numpy())
        p = peer.predict_proba(x[500:].numpy())
        assert point.loss == pytest.approx(log_loss(y[500:].numpy(), p), abs=2e-3)
        assert point.accuracy == pytest.approx(float(np.mean(p.argmax(1) == y[500:].numpy())), abs=0.011)


@pytest.mark.usefixtures("one_thread")
def test_the_path_ends_when_it_no_longer_improves() -> None:
    path = l2_path(Objective(DesignMatrix(*noisy()), 3), 0, "lbfgs", VALUES)
    assert [point.l2 for point in path] == list(GRID[: len(path)])
    assert len(path) == len(GRID) or path[-1 - PATIENCE] is best_point(path)


@pytest.mark.usefixtures("one_thread")
def test_copies_of_images_held_out_are_not_learnt_from() -> None:
    x, y = noisy(60)
    wrong = torch.stack([x, x], 1).flatten(0, 1)
    labels = torch.stack([y, y], 1).flatten()
    plain = l2_path(Objective(DesignMatrix(x, y), 3), 0, "lbfgs", VALUES)
    doubled = l2_path(Objective(DesignMatrix(wrong, labels), 3), 1, "lbfgs", VALUES)
    for one, other in zip(plain, doubled, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=2e-2)


def test_shares_choose_alike() -> None:
    x, y = noisy()
    whole = DesignMatrix(x, y)
    for first, end in ((0, 250), (250, 600)):
        share = replace(whole, rows=x[first:end], labels=y[first:end], row_offset=first)
        for a, b in ((0, 500), (500, 600), (100, 101)):
            part = share.slice(a, b)
            assert part.rows.equal(x[max(first, a) : max(first, a, min(end, b))])
            assert not len(part) or part.row_offset == max(first, a) - a


@pytest.fixture(scope="module")
def small(small_idx: Path) -> Dataset:
    return load_dataset(small_idx).train[:900]


@pytest.fixture(scope="module")
def trained(small: Dataset) -> tuple[Fit, list[TrainState]]:
    kept: list[TrainState] = []
    return fit(Recipe(**AUTO), small, on_checkpoint=kept.append), kept


def test_the_chosen_strength_is_learnt_with_from_all_images(trained: tuple[Fit, list[TrainState]], small: Dataset) -> None:
    auto, _ = trained
    assert auto.l2 == best_point(auto.path).l2
    assert 1e-4 < auto.l2 < 0.1
    again = fit(Recipe(solver="lbfgs", l2=auto.l2), small)
    assert again.model.linear.weight.equal(auto.model.linear.weight)


def test_cut_short_it_goes_on_to_the_same_weights(trained: tuple[Fit, list[TrainState]], small: Dataset) -> None:
    auto, kept = trained
    resumed = fit(Recipe(**AUTO), small, resume_from=kept[2])
    assert resumed.l2 == auto.l2
    assert resumed.costs == auto.costs
    assert resumed.model.linear.weight.equal(auto.model.linear.weight)


def test_a_run_keeps_what_was_asked_and_what_was_chosen(small_idx: Path, tmp_path: Path) -> None:
    flags = ("--solver", "lbfgs", "--l2", "auto", "--dataset", str(small_idx), "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(command, flags, standalone_mode=False)
    assert not result.return_value
    run = Run(tmp_path / "run")
    assert run.recipe.l2 == "auto"
    assert run.resolved_recipe.l2 == run.result["l2"]
    assert f"l2 = {run.result['l2']:.2g}, the best of {len(run.result['l2_path'])} values" in result.stdout
    assert (tmp_path / "run" / "figures" / "l2-path.png").stat().st_size > 5000
    assert reproduce(run).same


def test_sgd_finds_no_optimum_to_compare() -> None:
    with pytest.raises(RecipeError, match="--solver lbfgs"):
        Recipe(l2="auto")
    with pytest.raises(RecipeError, match="or 'auto'"):
        Recipe(solver="lbfgs", l2="automatic")
