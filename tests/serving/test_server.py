"""The end of the server, and what waits when it is busy."""

import asyncio
import json
import math
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from softreg.errors import ServingError
from softreg.serving.batching import MAX_QUEUE
from softreg.serving.server import KILL_SECONDS, SHUTDOWN_SECONDS, Server, bind, exit_now
from tests.helpers.live_server import png, read_answer, serve


@pytest.fixture(scope="module")
def dust() -> bytes:
    """A picture that takes a second to read: a hundred thousand specks."""
    return png(np.where(np.random.default_rng(0).random((2800, 2800)) < 0.02, 255, 0).astype(np.uint8))


def test_a_signal_ends_the_server_within_five_seconds_however_much_waits(tmp_path: Path, dust: bytes) -> None:
    with serve(tmp_path) as server, ThreadPoolExecutor(MAX_QUEUE) as pool:
        assert server.predict(dust)[0] == 200  # with all that is done once
        began = time.monotonic()
        assert server.predict(dust)[0] == 200
        count = min(MAX_QUEUE, 2 + math.ceil(40 / (time.monotonic() - began)))  # forty seconds of work, on whatever machine
        waiting = [pool.submit(server.ask, "POST", "/predict", dust, Content_Type="image/png") for _ in range(count)]
        time.sleep(1)  # they have arrived
        server.process.terminate()
        assert server.process.wait(60) == 0
        statuses = [answer.result()[0] for answer in waiting]
    assert set(statuses) <= {0, 200, 503}
    assert set(statuses) != {200}  # some were told that the server closes, or hung up on: it did not read them all


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_was_accepted_and_ends_the_server(tmp_path: Path, sent: signal.Signals) -> None:
    with serve(tmp_path) as server:
        events = server.connect()
        events.sendall(b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert events.recv(12) == b"HTTP/1.1 200"
        recipe = json.dumps({"epochs": 200}).encode()
        assert server.ask("POST", "/training", recipe, Content_Type="application/json")[0] == 202
        noise = png(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8))
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {len(noise)}\r\n\r\n"
        asking = [server.connect() for _ in range(4)]
        for client in asking:
            client.sendall(head.encode() + noise)
        assert server.ask("GET", "/healthz")[0] == 200  # so what was sent before has been read
        server.process.send_signal(sent)
        answers = [read_answer(client)[0] for client in asking]
        for client in asking:
            client.close()
        code = server.process.wait(60)
        assert answers == [200] * 4
        assert code == (130 if sent is signal.SIGINT else 0)
        events.close()


def test_a_port_that_is_taken_is_told() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=str(port)):
            bind("127.0.0.1", port)


def test_a_shutdown_that_does_not_end_is_killed_within_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, function: Callable[[int], None], args: list[int]) -> None:
            events.append((seconds, function, args))

        def start(self) -> None:
            events.append("timer")

    async def shutdown(*_: object) -> None:
        events.append("uvicorn")

    monkeypatch.setattr(threading, "Timer", Timer)
    monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
    server = Server(uvicorn.Config("no:app"), lambda: events.append("closing"))
    asyncio.run(server.shutdown())
    assert events == [(KILL_SECONDS, exit_now, [0]), "timer", "closing", "uvicorn"]
    assert SHUTDOWN_SECONDS < KILL_SECONDS < 5
    monkeypatch.setattr("os._exit", events.append)
    exit_now(3)
    assert events[-1] == 3
