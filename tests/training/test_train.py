"""train(): what it leaves and reports. test_fit.py tests its weights, test_checkpoints.py its recovery."""

import random
from pathlib import Path

import pytest
import torch

import softreg
from softreg import Recipe
from softreg.errors import DataError, SoftregError
from softreg.optim.minimize import StopMinimization
from softreg.optim.solver import State, TerminationReason
from softreg.runs.run import MODEL
from softreg.training.train import sample_index, train
from tests.helpers.interruption import stop_after


@pytest.fixture
def recipe(small_idx: Path) -> Recipe:
    return Recipe(dataset=str(small_idx), epochs=3)


def test_a_run_holds_the_model_the_recipe_and_the_costs(recipe: Recipe, tmp_path: Path) -> None:
    costs: list[float] = []
    run = train(recipe, tmp_path / "run", on_step=lambda state: costs.append(state.cost), figures=False)
    assert run.recipe == recipe
    assert len(costs) == 3
    assert run.costs == costs
    model = softreg.load(run.path)
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    assert {path.name for path in run.path.iterdir()} == {"model.safetensors", "recipe.toml", "metrics.jsonl", "environment.json"}


def test_figures_are_drawn_unless_not_wanted(recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe.replace({"epochs": 1}), tmp_path / "run")
    assert len(list((run.path / "figures").glob("*.png"))) >= 5


def test_a_callback_may_end_it(recipe: Recipe, tmp_path: Path) -> None:
    def stop(state: State) -> None:
        raise StopMinimization

    run = train(recipe, tmp_path / "run", on_step=stop, figures=False)
    assert run.termination.reason is TerminationReason.STOPPED
    assert len(run.costs) == 1


def test_without_a_place_it_takes_the_next_free_name(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [train(recipe, name="mine", figures=False).path.as_posix() for _ in range(2)]
    assert paths == ["runs/mine", "runs/mine-2"]


def test_a_run_that_is_there_is_replaced_only_by_force(recipe: Recipe, tmp_path: Path) -> None:
    first = train(recipe, tmp_path / "run", figures=False)
    content = (first.path / "model.safetensors").read_bytes()
    with pytest.raises(SoftregError, match="force"):
        train(recipe.replace({"seed": 1}), tmp_path / "run", figures=False)
    assert (first.path / "model.safetensors").read_bytes() == content
    train(recipe.replace({"seed": 1}), tmp_path / "run", force=True, figures=False)
    assert (first.path / "model.safetensors").read_bytes() != content


def test_nothing_is_left_where_the_data_is_not_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(SoftregError, match="nothing-here"):
        train(Recipe(dataset="nothing-here"), tmp_path / "run", figures=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [777, 0, 5])
def test_the_sample_is_the_one_that_random_draws(seed: int) -> None:
    state = random.getstate()
    drawn = sample_index(seed, 10_000)
    assert random.getstate() == state
    random.seed(seed)
    assert random.randint(0, 9999) == drawn
    random.setstate(state)


def test_ctrl_c_leaves_a_run_that_can_be_resumed(recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe, tmp_path / "run", figures=False, on_step=stop_after(2, KeyboardInterrupt))
    assert (run.termination.reason.value, len(run.costs)) == ("interrupted", 2)
    run = train(recipe, tmp_path / "run", figures=False, resume=True)
    assert (run.termination.reason.value, len(run.costs)) == ("epochs_done", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    whole = train(recipe, tmp_path / "whole", figures=False)
    assert (whole.path / MODEL).read_bytes() == (run.path / MODEL).read_bytes()


def test_a_second_ctrl_c_still_leaves_the_checkpoint(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("softreg.training.train.evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path / "run", figures=False, on_step=stop_after(2, KeyboardInterrupt))
    seen: list[int] = []
    train(recipe, tmp_path / "run", figures=False, resume=True, on_step=lambda state: seen.append(state.steps))
    assert seen == [3]


def test_ctrl_c_before_the_first_step_leaves_nothing(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("softreg.training.train.fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", figures=False)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_left_as_it_is(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run", figures=False)
    before = (tmp_path / "run" / MODEL).stat()
    train(recipe, tmp_path / "run", figures=False, resume=True, on_step=stop_after(1))
    assert (tmp_path / "run" / MODEL).stat() == before


def test_a_recipe_that_cannot_work_leaves_nothing_behind(recipe: Recipe, tmp_path: Path) -> None:
    class BadDataError(DataError):
        def __init__(self) -> None:
            super().__init__("dataset.in_memory")

    with pytest.raises(DataError):
        train(recipe, tmp_path / "run", figures=False, on_step=stop_after(2, BadDataError))
    assert list(tmp_path.iterdir()) == []
