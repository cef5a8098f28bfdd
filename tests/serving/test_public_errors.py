"""What a client may read of an error, for every type of error and over a socket."""

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.types import Message

from softreg.errors import DataError, ServingError, SoftregError
from softreg.messages import catalogue
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving.app import Playground
from softreg.serving.models import Models
from softreg.serving.public_errors import PUBLIC, public_error
from softreg.serving.training_form import recipe_of
from softreg.serving.training_job import TrainingJob
from tests.helpers.live_server import Served, png, serve


def test_errors_tell_neither_paths_nor_tracebacks(served: Served) -> None:
    answers = [
        served.ask("GET", "/nothing"),
        served.ask("PUT", "/predict"),
        served.ask("GET", "/walkthrough?sample=99999999"),
        served.ask("GET", "/walkthrough?sample=x"),
        served.ask("POST", "/predict", b"\x89PNG\r\n\x1a\n", Content_Type="image/png"),
        served.ask("POST", "/predict", b"<svg/>", Content_Type="image/svg+xml"),
        served.ask("POST", "/training", b"{", Content_Type="application/json"),
        served.ask("POST", "/training/stop"),
    ]
    for status, _, body in answers:
        assert 400 <= status < 500
        assert json.loads(body).keys() == {"error"}
        assert not any(trace in body for trace in (b"Traceback", b'File "', b".py", b"/home", b"/root", b"/tmp", b"site-packages"))


def test_a_run_that_cannot_be_read_is_told_by_its_name_and_no_path(tutorial_run: Run, tmp_path: Path) -> None:
    for name in ("mine", "yours"):
        shutil.copytree(tutorial_run.path, tmp_path / "runs" / name)
    with serve(tmp_path, "--model", "runs/mine") as served:
        (tmp_path / "runs" / "yours" / "model.safetensors").write_bytes(b"rubbish")
        status, answer = served.predict(png(np.zeros((28, 28), np.uint8)), "?model=yours")
        assert (status, set(answer)) == (404, {"error"})
        assert "yours" in answer["error"]
        assert str(tmp_path) not in answer["error"]
        assert "yours" in served.stop()


def test_a_run_that_cannot_be_written_names_its_folder_in_the_terminal_alone(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with serve(tmp_path) as served:
        with served.connect(60) as events:
            events.sendall(b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert served.json("POST", "/training", b'{"epochs": 1}', Content_Type="application/json")[0] == 202
            received = b""
            while b'"status": "failed"' not in received:
                received += events.recv(65536)
        assert catalogue("serving")["not_saved"]["en"].encode() in received
        assert bytes(tmp_path) not in received
        assert "runs/.sgd.unfinished" in served.stop()


def private_types() -> list[type[Exception]]:
    """Every error softreg raises, whoever adds one, and some of Python's; but for those that are listed as public."""
    found, waiting = list[type[Exception]](), [SoftregError]
    while waiting:
        waiting += waiting[0].__subclasses__()
        found.append(waiting.pop(0))
    return [kind for kind in (*found, OSError, ValueError, KeyError, MemoryError) if kind not in PUBLIC]


def raised(kind: type[Exception]) -> Exception:
    """An error of this type that names a folder."""
    if issubclass(kind, SoftregError):
        return kind("runs.unreadable", path="/home/secret", why="damaged")
    return kind(5, "Input/output error", "/home/secret")


async def get_models(playground: Playground) -> tuple[int, bytes]:
    """`GET /models`, without a socket."""
    sent: list[Any] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/models", "query_string": b"", "headers": [(b"host", b"localhost")]}
    playground.lister.start()
    with suppress(Exception):  # what is not softreg's own goes on to the server, which prints it
        await playground.app(scope, receive, send)
    await playground.lister.stop()
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("kind", private_types())
def test_an_error_of_any_type_that_is_not_listed_tells_a_client_nothing(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Models) -> None:
        raise raised(kind)

    playground = Playground(Models())
    monkeypatch.setattr(Models, "describe", fail)
    status, body = asyncio.run(get_models(playground))
    assert status == 500
    assert json.loads(body) == {"error": catalogue("serving")["fault"]["en"]}
    if issubclass(kind, SoftregError):
        assert "/home/secret" in caplog.text  # the terminal is told


def test_a_subclass_of_a_public_type_is_private_until_it_is_listed(caplog: pytest.LogCaptureFixture) -> None:
    class NewError(ServingError):
        pass

    assert public_error(NewError("runs.unreadable", path="/home/secret", why="")).key == "serving.fault"
    public = ServingError("serving.busy", status=503)
    assert public_error(public) is public


def test_a_training_that_cannot_read_its_data_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("data.unreadable", path="/home/secret", why="damaged")

    monkeypatch.setattr("softreg.data.load.load_splits", fail)

    async def last_event() -> dict[str, Any]:
        job = TrainingJob(lambda run: run.path.name)
        job.start(Recipe(epochs=1))
        async for event in job.watch():
            if event["status"] == "failed":
                return event
        raise AssertionError("ended without a word")

    assert asyncio.run(last_event())["message"]["en"] == catalogue("serving")["fault"]["en"]


def test_a_recipe_is_refused_in_its_own_words() -> None:
    with pytest.raises(ServingError, match="epochs"):
        recipe_of({"epochs": -1})
