"""Trainings followed elsewhere: what TensorBoard's own reader finds; a tracker that is missing, refuses, or fails on the way."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from softreg.errors import MissingExtraError, RunError, SoftregWarning
from softreg.recipe import Recipe
from softreg.training import train as training
from softreg.training.tracking import TRACKERS, Log, TrackerSession
from tests.helpers.small_mnist import small_mnist

train = partial(training.train, figures=False)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return Recipe(dataset=str(small_mnist(tmp_path_factory.mktemp("small"), 300, 50)), epochs=3)


def test_tensorboard_reads_the_costs_and_the_evaluation(recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe, tmp_path / "runs" / "mine", log_to="tensorboard")
    events = EventAccumulator(str(tmp_path / "runs" / "tensorboard" / "mine"))
    events.Reload()
    cost = events.Scalars("cost")
    assert [event.step for event in cost] == [1, 2, 3]
    assert [event.value for event in cost] == pytest.approx(run.costs, rel=1e-6)
    for name in ("accuracy", "nll", "ece"):
        (event,) = events.Scalars(name)
        assert (event.step, event.value) == (3, pytest.approx(run.result["evaluation"][name], rel=1e-6))
    (objective,) = events.Scalars("objective")
    assert objective.value == pytest.approx(run.result["objective"], rel=1e-6)
    (text,) = events.Tensors("recipe/text_summary")
    assert "epochs = 3" in text.tensor_proto.string_val[0].decode()


class StandIn:
    """What softreg calls of MLflow and Weights & Biases, with their signatures, written down in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def set_experiment(self, experiment_name: str) -> None:
        self.calls.append(("experiment", experiment_name))

    def start_run(self, *, run_name: str) -> Self:
        self.calls.append(("begin", run_name))
        return self

    def init(self, *, project: str, name: str, dir: Path, config: Mapping[str, object]) -> Self:  # noqa: A002 - wandb's name
        assert dir.is_dir()  # or wandb would write to the system's temporary folder
        self.calls += [("experiment", project), ("begin", name), ("recipe", dict(config))]
        return self

    def log_params(self, params: Mapping[str, object]) -> None:
        self.calls.append(("recipe", dict(params)))

    def log(self, data: Mapping[str, float], step: int) -> None:
        self.calls.append((step, dict(data)))

    log_metrics = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.calls.append(("end",))


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_mlflow_and_wandb_are_told_the_recipe_the_costs_and_the_evaluation(
    name: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, module = StandIn(), ModuleType(name)
    for function in ("set_experiment", "start_run", "log_params", "log_metrics", "init"):
        setattr(module, function, getattr(library, function))
    monkeypatch.setitem(sys.modules, name, module)
    run = train(recipe, tmp_path / "runs" / "mine", log_to=name)
    first, steps, result, ended = library.calls[:3], library.calls[3:6], library.calls[6], library.calls[7:]
    assert first == [("experiment", "softreg"), ("begin", "mine"), ("recipe", asdict(recipe))]
    assert steps == [(step, {"cost": cost}) for step, cost in enumerate(run.costs, start=1)]
    assert result == (
        3,
        {"objective": run.result["objective"]} | {k: run.result["evaluation"][k] for k in ("accuracy", "nll", "ece")},
    )
    assert ended == [("end",)]


def test_following_changes_no_weight(recipe: Recipe, tmp_path: Path) -> None:
    followed, alone = train(recipe, tmp_path / "a", log_to="tensorboard"), train(recipe, tmp_path / "b")
    assert followed.result["model_sha256"] == alone.result["model_sha256"]


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_trained(
    name: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(MissingExtraError, match=rf"pip install 'softreg\[{name}\]'") as caught:
        train(recipe, tmp_path / "run", log_to=name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_tracker_that_cannot_begin_is_told_before_anything_is_trained(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(RunError, match="--log-to tensorboard"):
        train(recipe, tmp_path / "run", log_to="tensorboard")
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"]


@pytest.mark.parametrize("when", ["log", "end"])
def test_a_tracker_that_fails_on_the_way_costs_no_training(
    when: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    @contextmanager
    def failing(run: Path, recipe: Recipe) -> Iterator[Log]:
        def log(step: int, numbers: Mapping[str, float]) -> None:
            asked.append(step)
            print("chatter")  # noqa: T201 - as trackers do
            if when == "log":
                raise ConnectionError("gone away")

        yield log
        if when == "end":
            raise ConnectionError("gone away")

    monkeypatch.setitem(TRACKERS, "wandb", failing)
    with pytest.warns(SoftregWarning, match=r"wandb: gone away.*no longer logged"):
        run = train(recipe, tmp_path / "run", log_to="wandb")
    assert len(run.costs) == 3
    assert asked == ([1] if when == "log" else [1, 2, 3, 3])
    assert "chatter" not in capsys.readouterr().out  # stdout is for results


def test_an_error_of_the_training_itself_passes_through(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), TrackerSession("tensorboard", tmp_path / "run", recipe):
        raise ZeroDivisionError
