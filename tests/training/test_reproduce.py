"""`reproduce` finds the same weights, a single changed bit, and what may explain a difference."""

import json
from pathlib import Path

import pytest
import torch

from softreg.errors import RunError
from softreg.messages import translate
from softreg.model.serialization import save_model
from softreg.optim.minimize import StopMinimization
from softreg.optim.solver import State, TerminationReason
from softreg.recipe import Recipe
from softreg.runs.run import ENVIRONMENT, MODEL, RECIPE, Run
from softreg.training.reproduce import reproduce
from softreg.training.train import train
from tests.helpers.damage import flip_a_bit
from tests.helpers.small_mnist import recipes, small_mnist


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_mnist(tmp_path_factory.mktemp("small"), train=800, test=100)


@pytest.fixture
def run(dataset: Path, tmp_path: Path) -> Run:
    return train(Recipe(dataset=str(dataset), epochs=3), tmp_path / "run", figures=False)


@pytest.mark.parametrize("solver", recipes(Path()))
def test_a_fresh_run_is_reproduced(dataset: Path, tmp_path: Path, solver: str) -> None:
    found = reproduce(train(recipes(dataset)[solver], tmp_path / "run", figures=False))
    assert (found.same, found.file_modified, found.difference, found.differing, found.reasons) == (True, False, 0, 0, [])
    assert found.sha256 == found.saved_sha256


def test_an_interrupted_run_is_reproduced_as_far_as_it_came(dataset: Path, tmp_path: Path) -> None:
    def interrupt(state: State) -> None:
        if state.steps == 2:
            raise KeyboardInterrupt

    run = train(Recipe(dataset=str(dataset), epochs=5), tmp_path / "run", on_step=interrupt, figures=False)
    assert run.termination.reason is TerminationReason.INTERRUPTED
    assert reproduce(run).same
    with pytest.raises(KeyboardInterrupt):
        reproduce(run, lambda state: interrupt(State(state.theta, 2, 0.0, None, state.solver_state)))


@pytest.mark.parametrize("steps", [1, 3])
def test_a_stopped_run_is_reproduced_to_its_last_step(dataset: Path, tmp_path: Path, steps: int) -> None:
    def stop(state: State) -> None:
        if state.steps == steps:
            raise StopMinimization

    run = train(Recipe(dataset=str(dataset), epochs=3), tmp_path / "run", on_step=stop, figures=False)
    assert run.termination.reason is TerminationReason.STOPPED
    assert len(run.costs) == steps
    assert reproduce(run).same


def test_a_run_that_was_interrupted_in_its_first_step_is_reproduced(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> State:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("softreg.optim.solvers.sgd.SGD.step", interrupted)
        run = train(Recipe(dataset=str(dataset), epochs=3), tmp_path / "run", figures=False)
    assert run.costs == []
    assert reproduce(run).same


def test_one_flipped_bit_is_found(run: Run) -> None:
    flip_a_bit(run)
    found = reproduce(run)
    assert (found.same, found.file_modified, found.differing) == (False, True, 1)
    assert 0 < found.difference < 1e-6
    assert "SHA-256" in found.reasons[0]


def test_another_machine_is_told(run: Run) -> None:
    flip_a_bit(run)
    path = run.path / ENVIRONMENT
    environment = json.loads(path.read_text())
    environment |= {"threads": 999, "data_sha256": {"train": "another"}}
    environment["libraries"]["torch"] = "1.0"
    path.write_text(json.dumps(environment))
    text = "\n".join(reproduce(run).reasons)
    assert "threads" in text
    assert "999" in text
    assert f"torch is {torch.__version__.partition('+')[0]}" in text
    assert "data" in text


def test_a_replaced_recipe_is_found(run: Run) -> None:
    recipe = run.recipe.replace({"seed": "1"})
    (run.path / RECIPE).write_text(recipe.to_toml())
    found = reproduce(run)
    assert not found.same
    assert found.differing > 7000
    assert found.reasons == [translate("reproduce.no_reason")]


def test_a_model_of_another_shape_is_refused(run: Run, tmp_path: Path, dataset: Path) -> None:
    from softreg.features.registry import make_feature_map
    from softreg.model.softmax_regression import SoftmaxRegression

    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.zeros(2, 785))
    save_model(model, run.path / MODEL)
    with pytest.raises(RunError, match="shape"):
        reproduce(run)
