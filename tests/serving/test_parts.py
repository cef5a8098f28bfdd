"""The server's rooms by themselves: what happens when nobody waits any more, nothing is there, or a training fails."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softreg.errors import RunError, ServingError, SolverError
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving import app, models, training_job
from softreg.serving.batching import MicroBatcher
from softreg.serving.models import Models
from softreg.serving.training_job import TrainingJob
from softreg.training.train import train
from tests.helpers.live_server import png, serve
from tests.helpers.small_mnist import small_mnist


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_mnist(tmp_path_factory.mktemp("small"), 300, 50))


class Slowly:
    """Answers each question with itself, once it is told to; remembers what it was asked."""

    def __init__(self) -> None:
        self.begun, self.go, self.asked = threading.Event(), threading.Event(), list[int]()

    def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.asked += questions
        self.begun.set()
        assert self.go.wait(10)
        return questions


def test_whoever_stops_waiting_is_not_answered_and_holds_up_nobody() -> None:
    slowly = Slowly()

    async def ask() -> int:
        predictor = MicroBatcher(slowly, batch=1)
        predictor.start()
        asked = [asyncio.create_task(predictor.ask(number)) for number in range(3)]
        assert await asyncio.to_thread(slowly.begun.wait, 10)
        asked[0].cancel()  # while it is being answered
        asked[1].cancel()  # while it waits
        await asyncio.sleep(0)
        slowly.go.set()
        third = await asked[2]
        await predictor.stop()
        return third

    assert asyncio.run(ask()) == 2
    assert slowly.asked == [0, 2]


def test_what_was_accepted_is_answered_before_the_end() -> None:
    slowly = Slowly()

    async def ask() -> list[int]:
        predictor = MicroBatcher(slowly)
        predictor.start()
        asked = [asyncio.create_task(predictor.ask(0))]
        assert await asyncio.to_thread(slowly.begun.wait, 10)
        asked += [asyncio.create_task(predictor.ask(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        ended = asyncio.create_task(predictor.stop())
        while predictor.waiting < 3:  # two questions and the end
            await asyncio.sleep(0.001)
        slowly.go.set()
        await ended
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [0, 1, 2]


def test_without_any_model_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SHIPPED", ())
    with pytest.raises(ServingError, match="softreg train"):
        Models(folder=tmp_path)


def test_the_models_asked_for_last_are_kept_in_memory(tutorial_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SHIPPED", ())
    monkeypatch.setattr(models, "KEPT", 2)
    for name in "abc":
        shutil.copytree(tutorial_run.path, tmp_path / name)
    table = Models(folder=tmp_path)
    first = table.get("a")
    table.get("b")
    assert table.get("a") is first
    third = table.get("c")  # b goes
    assert table.get("a") is first
    assert table.get("c") is third
    table.get("b")  # a goes
    assert table.get("c") is third
    assert table.get("a") is not first


def test_where_no_model_sees_pixels_the_walk_through_one_is_refused(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "SHIPPED", ())
    monkeypatch.setattr("softreg.figures.run_figures.save_figures", lambda folder, *_: folder.mkdir())
    train(Recipe(dataset=small, features="deskew", epochs=1), tmp_path / "upright")
    table = Models(folder=tmp_path)
    assert table.with_features("deskew") == "upright"
    with pytest.raises(ServingError) as refused:
        table.with_features("pixels")
    assert refused.value.status == 404


def test_a_run_that_cannot_be_read_is_a_fault_that_names_no_folder(tutorial_run: Run, tmp_path: Path) -> None:
    for name in ("mine", "yours"):
        shutil.copytree(tutorial_run.path, tmp_path / "runs" / name)
    with serve(tmp_path, "--model", "runs/mine") as served:
        (tmp_path / "runs" / "yours" / "model.safetensors").write_bytes(b"rubbish")
        status, answer = served.predict(png(np.zeros((28, 28), np.uint8)), "?model=yours")
        assert (status, set(answer)) == (500, {"error"})
        assert str(tmp_path) not in answer["error"]
        assert "yours" not in answer["error"]


def test_a_reader_that_is_slow_for_a_while_gets_every_answer(tmp_path: Path) -> None:
    """More is asked for at once than any buffer between the two holds: the server waits, and goes on."""
    count = 1000
    with serve(tmp_path) as served, served.connect() as client:
        request = f"GET /page/style.css HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
        client.sendall(request)
        first, end = b"", len(served.ask("GET", "/page/style.css")[2])
        while len(first.partition(b"\r\n\r\n")[2]) < end:
            first += client.recv(65536)
        client.sendall(request * count)
        time.sleep(0.5)  # by now the server has stopped sending
        received = bytearray()
        while len(received) < count * len(first):
            received += (more := client.recv(2**20))
            assert more, "cut off"
    assert received.count(b"HTTP/1.1 200 OK") == count


def test_only_what_a_page_is_made_of_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = app._pages()
    assert any(name.endswith(".js") for name in whole)
    monkeypatch.delitem(app.TYPES, ".js")
    assert set(app._pages()) == {name for name in whole if not name.endswith(".js")}


def taught(recipe: Recipe, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What a watcher of a training sees, up to the first event that is waited for."""

    async def watch() -> list[dict[str, Any]]:
        lesson, seen = TrainingJob(lambda run: run.path.name), list[dict[str, Any]]()
        lesson.start(recipe)
        async for event in lesson.watch():
            seen.append(event)
            if until(event):
                break
        lesson.close()
        await asyncio.to_thread(lesson.join)
        return seen

    return asyncio.run(asyncio.wait_for(watch(), 60))


def test_a_training_holds_while_it_is_paused_goes_on_and_ends_when_told(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def costs_until(lesson: TrainingJob, wanted: Callable[[dict[str, Any], int], bool]) -> tuple[dict[str, Any], list[float]]:
        costs: list[float] = []  # a new watcher is told of every step
        async for event in lesson.watch():
            costs += [step["cost"] for step in event["steps"]]
            if wanted(event, len(costs)):
                break
        return event, costs

    async def watch() -> tuple[dict[str, Any], list[float]]:
        lesson = TrainingJob(lambda run: run.path.name)
        lesson.start(Recipe(dataset=small, features="patches", batch_size=100, epochs=500_000))
        await costs_until(lesson, lambda event, steps: steps >= 2)
        lesson.pause()
        _, held = await costs_until(lesson, lambda event, steps: event["status"] == "paused")
        await asyncio.sleep(0.3)
        _, still = await costs_until(lesson, lambda event, steps: True)
        assert still == held
        lesson.resume()
        going, _ = await costs_until(lesson, lambda event, steps: steps > len(held))
        assert going["status"] == "running"
        lesson.stop()
        return await costs_until(lesson, lambda event, steps: event["status"] == "ended")

    ended, costs = asyncio.run(asyncio.wait_for(watch(), 60))
    assert ended["ending"] == "stopped"
    assert Run(tmp_path / "runs" / ended["model"]).costs == costs


@pytest.mark.parametrize(
    ("error", "ending", "says"),
    [
        (RunError("runs.in_use", path="/home/secret"), None, "runs"),
        (OSError(28, "No space left", "/home/secret"), None, "runs"),
        (SolverError("solvers.diverged", epoch=1, lr=1e6), "diverged", "learning rate"),
    ],
)
def test_a_training_that_fails_is_told_without_naming_folders(
    error: Exception, ending: str | None, says: str, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("softreg.training.train.train", failing)
    event = taught(Recipe(dataset=small, epochs=1), lambda event: event["status"] == "failed")[-1]
    assert event.get("ending") == ending
    assert says in event["message"]["en"]
    assert "secret" not in str(event)


def test_a_fault_of_ours_ends_the_waiting_and_tells_nothing(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: faults.append(fault.exc_type))
    monkeypatch.setattr("softreg.training.train.train", lambda *_, **__: 1 / 0)
    event = taught(Recipe(dataset=small, epochs=1), lambda event: event["status"] == "failed")[-1]
    assert faults == [ZeroDivisionError]
    assert "ending" not in event
    assert "division" not in str(event)


def test_a_watcher_hears_that_the_server_lives_when_nothing_happens(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_job, "HEARTBEAT", 0.05)
    go = threading.Event()
    monkeypatch.setattr("softreg.training.train.train", lambda *_, **__: go.wait(10) and 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda fault: None)
    seen: list[dict[str, Any]] = []

    def third(event: dict[str, Any]) -> bool:
        seen.append(event)
        if len(seen) >= 3:
            go.set()
        return len(seen) >= 3

    assert [event["steps"] for event in taught(Recipe(dataset=small, epochs=1), third)] == [[], [], []]
