"""One training at a time: watched, paused, continued, stopped, failed."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from softreg.compute.progress import report
from softreg.compute.threads import NICENESS
from softreg.errors import RunError, SolverError, WriteError
from softreg.messages import catalogue
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving import training_job
from softreg.serving.training_job import MAX_WATCHERS, TrainingJob
from tests.helpers.live_server import Served
from tests.helpers.small_mnist import small_mnist


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_mnist(tmp_path_factory.mktemp("small"), 300, 50))


STREAM = "/training/events"


def test_more_watchers_than_seats_are_refused_and_leave_their_seats(served: Served) -> None:
    request = b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(MAX_WATCHERS):
            client = stack.enter_context(served.connect())
            client.sendall(request)
            assert client.recv(12) == b"HTTP/1.1 200"
        assert served.raw(request)[0] == 503
    deadline = time.monotonic() + 20  # by then the server has seen that they are gone
    status = 503
    while status == 503 and time.monotonic() < deadline:
        with served.connect() as client:
            client.sendall(request)
            status = int(client.recv(12)[9:])
    assert status == 200


def taught(recipe: Recipe, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What a watcher of a training sees, up to the first event that is waited for."""

    async def watch() -> list[dict[str, Any]]:
        job, seen = TrainingJob(lambda run: run.path.name), list[dict[str, Any]]()
        job.start(recipe)
        async for event in job.watch():
            seen.append(event)
            if until(event):
                break
        job.close()
        await asyncio.to_thread(job.join)
        return seen

    return asyncio.run(asyncio.wait_for(watch(), 60))


@pytest.mark.parametrize(
    ("recipe", "total"),
    [
        ({"solver": "sgd", "epochs": 3}, 3),
        ({"solver": "lbfgs", "max_iterations": 7, "l2": 1e-3}, 7),
        ({"solver": "newton", "max_iterations": 7, "l2": 1e-3}, 7),
    ],
)
def test_the_total_is_of_epochs_or_of_iterations(
    recipe: dict[str, Any], total: int, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert taught(Recipe(dataset=small, **recipe), lambda event: event["status"] == "ended")[0]["total"] == total


def test_a_training_holds_while_it_is_paused_goes_on_and_ends_when_told(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def costs_until(job: TrainingJob, wanted: Callable[[dict[str, Any], int], bool]) -> tuple[dict[str, Any], list[float]]:
        costs: list[float] = []  # a new watcher is told of every step
        async for event in job.watch():
            costs += [step["cost"] for step in event["steps"]]
            if wanted(event, len(costs)):
                break
        return event, costs

    async def watch() -> tuple[dict[str, Any], list[float]]:
        job = TrainingJob(lambda run: run.path.name)
        job.start(Recipe(dataset=small, features="patches", batch_size=100, epochs=500_000))
        await costs_until(job, lambda event, steps: steps >= 2)
        job.pause()
        _, held = await costs_until(job, lambda event, steps: event["status"] == "paused")
        await asyncio.sleep(0.3)
        _, still = await costs_until(job, lambda event, steps: True)
        assert still == held
        job.resume()
        going, _ = await costs_until(job, lambda event, steps: steps > len(held))
        assert going["status"] == "running"
        job.stop()
        return await costs_until(job, lambda event, steps: event["status"] == "ended")

    ended, costs = asyncio.run(asyncio.wait_for(watch(), 60))
    assert ended["ending"] == "stopped"
    assert Run(tmp_path / "runs" / ended["model"]).costs == costs


@pytest.mark.parametrize(
    ("error", "ending", "says"),
    [
        (RunError("runs.unreadable", path="/home/secret", why="damaged"), None, "runs"),
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


def test_all_trainings_are_in_one_thread_whatever_ends_them(
    small: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    threads: list[int] = []

    def exiting(*_: object, **__: object) -> None:
        threads.append(threading.get_ident())
        raise SystemExit(3)

    async def train_twice() -> list[str]:
        job = TrainingJob(lambda run: run.path.name)
        found = []
        for _ in range(2):
            job.start(Recipe(dataset=small, epochs=1))
            found.append([event async for event in until_ended(job)][-1]["status"])
        return found

    monkeypatch.setattr("softreg.training.train.train", exiting)
    assert asyncio.run(asyncio.wait_for(train_twice(), 60)) == ["failed", "failed"]
    assert threads == [threads[0]] * 2
    assert "SystemExit" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_answers_come_before_the_training(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def failing(*_: object, **__: object) -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        raise OSError("full")

    monkeypatch.setattr("softreg.training.train.train", failing)
    taught(Recipe(dataset=small, epochs=1), lambda event: event["status"] == "failed")
    assert seen == [os.getpriority(os.PRIO_PROCESS, 0) + NICENESS]


def test_a_bug_ends_the_waiting_and_tells_a_client_nothing(
    small: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("softreg.training.train.train", lambda *_, **__: 1 / 0)
    event = taught(Recipe(dataset=small, epochs=1), lambda event: event["status"] == "failed")[-1]
    assert "ZeroDivisionError" in caplog.text
    assert "ending" not in event
    assert "division" not in str(event)


def test_a_watcher_hears_that_the_server_lives_when_nothing_happens(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_job, "HEARTBEAT_SECONDS", 0.05)
    go = threading.Event()
    monkeypatch.setattr("softreg.training.train.train", lambda *_, **__: go.wait(10) and 1 / 0)
    seen: list[dict[str, Any]] = []

    def third(event: dict[str, Any]) -> bool:
        seen.append(event)
        if len(seen) >= 3:
            go.set()
        return len(seen) >= 3

    assert [event["steps"] for event in taught(Recipe(dataset=small, epochs=1), third)] == [[], [], []]


def folder_of_runs(folder: Path) -> set[str]:
    """What stands in the folder of runs, hidden or not."""
    return {path.name for path in (folder / "runs").iterdir()} if (folder / "runs").exists() else set()


def test_a_training_is_stopped_while_it_prepares_and_the_next_can_start(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    preparing = threading.Event()

    def endless(*_: object) -> None:
        preparing.set()
        while True:
            report("feature_map")
            time.sleep(0.01)

    async def stop() -> dict[str, Any]:
        job = TrainingJob(lambda run: run.path.name)
        with monkeypatch.context() as patch:
            patch.setattr("softreg.training.fit.make_problem", endless)
            job.start(Recipe(dataset=small, epochs=1))
            assert await asyncio.to_thread(preparing.wait, 30)
            job.stop()
            ended = [event async for event in until_ended(job)][-1]
        assert not job.is_running
        job.start(Recipe(dataset=small, epochs=1))  # at once
        assert [event async for event in until_ended(job)][-1]["model"] == "sgd"
        return ended

    ended = asyncio.run(asyncio.wait_for(stop(), 60))
    assert (ended["status"], ended["ending"], ended["steps"]) == ("ended", "stopped", [])
    assert ended["message"]["en"] == catalogue("serving")["stopped_early"]["en"]
    assert "model" not in ended
    assert folder_of_runs(tmp_path) == {"sgd"}


def test_a_training_is_stopped_before_its_thread_has_begun(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, translated = threading.Event(), training_job._in_each_language
    monkeypatch.setattr(training_job, "_in_each_language", lambda sentence: stopped.wait(10) and translated(sentence))

    async def stop_at_once() -> dict[str, Any]:
        job = TrainingJob(lambda run: run.path.name)
        job.start(Recipe(dataset=small, epochs=1))
        job.stop()
        stopped.set()
        ended = [event async for event in until_ended(job)][-1]
        assert not job.is_running
        return ended

    ended = asyncio.run(asyncio.wait_for(stop_at_once(), 30))
    assert (ended["status"], ended["ending"]) == ("ended", "stopped")


async def until_ended(job: TrainingJob) -> AsyncIterator[dict[str, Any]]:
    """Its events, to the last."""
    async for event in job.watch():
        yield event
        if event["status"] in {"ended", "failed"}:
            break


def test_the_end_is_told_when_everything_is_done(small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def train_often() -> None:
        job = TrainingJob(lambda run: run.path.name)
        for number in range(1, 6):
            job.start(Recipe(dataset=small, epochs=2))  # would be refused if the one before still ran
            assert (await anext(event async for event in until_ended(job) if event["status"] == "ended"))["accuracy"] > 0
            assert len(folder_of_runs(tmp_path)) == number

    asyncio.run(asyncio.wait_for(train_often(), 60))


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), WriteError("runs.unreadable", path="", why=""), RuntimeError("bug"), None]
)
def test_nothing_but_whole_runs_is_left_behind(
    error: Exception | None, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / ".sgd.unfinished").mkdir(parents=True)  # somebody's, to be resumed
    (tmp_path / "runs" / ".sgd.unfinished" / "recipe.toml").write_text("")

    def fail(*_: object) -> None:
        assert error is not None
        raise error

    async def run() -> dict[str, Any]:
        job = TrainingJob(lambda run: run.path.name)
        if error is not None:
            monkeypatch.setattr("softreg.training.train.evaluate", fail)
        job.start(Recipe(dataset=small, features="patches", batch_size=100, epochs=500_000))
        async for event in until_ended(job):
            if event["steps"]:
                job.stop()
        return event

    event = asyncio.run(asyncio.wait_for(run(), 60))
    assert event["status"] == ("ended" if error is None else "failed")
    assert folder_of_runs(tmp_path) == {".sgd.unfinished"} | ({"sgd-2"} if error is None else set())
