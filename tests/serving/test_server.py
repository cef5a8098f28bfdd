"""The socket attacked: slow clients, floods, signals."""

import asyncio
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import uvicorn

from softreg.serving.server import KILL_SECONDS, REQUEST_SECONDS, SHUTDOWN_SECONDS, Deadline, Server, exit_now
from tests.helpers.live_server import SEVEN, Served, png, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="module")
def dust() -> bytes:
    """A picture that takes a second to read: a hundred thousand specks."""
    return png(np.where(np.random.default_rng(0).random((2800, 2800)) < 0.02, 255, 0).astype(np.uint8))


class FakeLoop:
    """An event loop that only notes its timers."""

    def __init__(self) -> None:
        self.timers: list[FakeTimer] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "FakeTimer":
        self.timers.append(FakeTimer(seconds, callback))
        return self.timers[-1]


@dataclass
class FakeTimer:
    seconds: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


def test_a_deadline_runs_anew_when_started_again_and_not_at_all_when_stopped() -> None:
    loop, expired = FakeLoop(), lambda: None
    deadline = Deadline(cast(asyncio.AbstractEventLoop, loop), expired)
    deadline.start()
    deadline.start()
    assert [(timer.seconds, timer.callback, timer.cancelled) for timer in loop.timers] == [
        (REQUEST_SECONDS, expired, True),
        (REQUEST_SECONDS, expired, False),
    ]
    deadline.stop()
    deadline.stop()
    assert [timer.cancelled for timer in loop.timers] == [True, True]


def test_clients_that_dawdle_are_dropped_and_others_are_served_meanwhile(served: Served) -> None:
    def drops_who_never_listens() -> bool:
        """Ask until nothing more fits anywhere, and read no answer."""
        request = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with served.connect(timeout=60) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                client.sendall(request * 500_000)
        return True

    def drops_who_sends(*pieces: bytes) -> bool:
        """Send these pieces, one a second, and then nothing; whether the server hangs up before all patience is gone."""
        rest = list(pieces)
        with served.connect(timeout=1) as client:
            for _ in range(60):
                try:
                    if rest:
                        client.sendall(rest.pop(0))
                    if not client.recv(65536):
                        return True
                except TimeoutError:
                    continue
                except OSError:
                    return True
        return False

    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    dawdlers = [
        (),
        (b"GET /healthz HT",),
        tuple(bytes([byte]) for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"),  # a byte a second
        (head, *[b"x"] * 30),
    ]
    with ThreadPoolExecutor(len(dawdlers) + 1) as pool:
        dropped = [pool.submit(drops_who_sends, *pieces) for pieces in dawdlers] + [pool.submit(drops_who_never_listens)]
        while not all(answer.done() for answer in dropped):
            assert served.ask("GET", "/healthz")[0] == 200
            time.sleep(0.5)
    assert all(answer.result() for answer in dropped)


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


def test_everything_waiting_beyond_the_queue_is_refused_with_503(served: Served, dust: bytes) -> None:
    image = png(np.array(SEVEN, np.uint8))
    with ThreadPoolExecutor(200) as pool:
        first = pool.submit(served.ask, "POST", "/predict", dust, Content_Type="image/png")
        time.sleep(0.3)  # now the others wait for it
        statuses = [
            answer[0] for answer in pool.map(lambda _: served.ask("POST", "/predict", image, Content_Type="image/png"), range(199))
        ]
    assert first.result()[0] in {200, 400}
    assert set(statuses) == {200, 503}
    assert served.ask("GET", "/healthz")[0] == 200


def test_more_connections_than_seats_are_closed_at_once(served: Served) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(600)]
        time.sleep(0.5)
        closed = 0
        for client in clients:
            client.settimeout(0.001)
            try:
                closed += client.recv(1) == b""
            except ConnectionResetError:
                closed += 1
            except TimeoutError:
                continue
        assert 80 <= closed <= 100
    time.sleep(0.3)  # the server sees that they have gone
    assert served.ask("GET", "/healthz")[0] == 200


def test_headers_without_end_are_cut_off(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        endless = "".join(f"X-{i}: {'y' * 100}\r\n" for i in range(100_000)).encode()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(endless)


def test_a_signal_ends_the_server_however_much_waits(tmp_path: Path, dust: bytes) -> None:
    with serve(tmp_path) as server, ThreadPoolExecutor(24) as pool:
        waiting = [pool.submit(server.ask, "POST", "/predict", dust, Content_Type="image/png") for _ in range(24)]
        time.sleep(1)  # they have arrived
        server.process.terminate()
        assert server.process.wait(60) == 0
        statuses = [answer.result()[0] for answer in waiting]
    assert 0 in statuses  # it hung up on some rather than read all 24


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_was_accepted_and_ends_the_server(tmp_path: Path, sent: signal.Signals) -> None:
    with serve(tmp_path) as server:
        events = server.connect()
        events.sendall(b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert events.recv(12) == b"HTTP/1.1 200"
        recipe = json.dumps({"epochs": 200}).encode()
        assert server.ask("POST", "/training", recipe, Content_Type="application/json")[0] == 202
        noise = png(np.random.default_rng(0).integers(0, 256, (900, 900), dtype=np.uint8))
        answers: list[int] = []
        asking = [
            threading.Thread(target=lambda: answers.append(server.ask("POST", "/predict", noise, Content_Type="image/png")[0]))
            for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        time.sleep(0.3)
        server.process.send_signal(sent)
        for thread in asking:
            thread.join()
        code = server.process.wait(60)
        assert answers == [200] * 4
        assert code == (130 if sent is signal.SIGINT else 0)
        events.close()


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
