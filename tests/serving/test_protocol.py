"""One connection attacked over a socket: slow, endless, pipelined, idle."""

import asyncio
import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softreg.serving.protocol import MAX_CONNECTIONS, REQUEST_SECONDS, Deadline, LimitedProtocol
from tests.helpers.live_server import Served, read_answer, serve

PATIENCE = 4.0  # seconds: less than REQUEST_SECONDS, for tests that wait until it is over
IMPATIENT = f"import softreg.cli, softreg.serving.protocol as protocol; protocol.REQUEST_SECONDS = {PATIENCE}; softreg.cli.main()"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("impatient"), program=("-c", IMPATIENT)) as server:
        yield server


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


@dataclass(eq=False)
class Seat:
    """What `LimitedProtocol` knows of a connection; it may be leaving already."""

    active_at: float
    closing: bool
    connections: "set[Seat]"
    trusted: bool = False
    cycle: None = None
    aborted: bool = False

    @property
    def transport(self) -> "Seat":
        return self

    def is_closing(self) -> bool:
        return self.closing

    def _abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("closing", [False, True])
def test_room_is_made_by_the_oldest_connection_unless_one_is_leaving(closing: bool) -> None:
    seats: set[Seat] = set()
    first = Seat(0.0, closing, seats)
    newcomer = Seat(99.0, False, seats)
    seats |= {first, newcomer, *(Seat(number, False, seats) for number in range(1, MAX_CONNECTIONS))}
    LimitedProtocol._make_room(cast("LimitedProtocol", newcomer))
    assert [seat for seat in seats if seat.aborted] == ([] if closing else [first])


def test_clients_that_dawdle_are_dropped_and_others_are_served_meanwhile(impatient: Served) -> None:
    def drops_who_never_listens() -> bool:
        """Ask until nothing more fits anywhere, and read no answer."""
        request = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with impatient.connect(timeout=60) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                client.sendall(request * 500_000)
        return True

    def drops_who_sends(*pieces: bytes) -> bool:
        """Send these pieces, one a second, and then nothing; whether the server hangs up before all patience is gone."""
        rest = list(pieces)
        with impatient.connect(timeout=1) as client:
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

    def lets_a_slow_phone_fetch_a_model() -> bool:
        """It takes longer than a response may, but each piece comes in time."""
        with impatient.connect(timeout=60) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"GET /weights?model=handwriting HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
            received, until = b"", time.monotonic() + PATIENCE + 2
            while time.monotonic() < until:
                received += client.recv(16384)
                time.sleep(0.3)
            head, _, body = received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            assert len(body) < length / 2  # it is slow
            while len(body) < length:
                body += (more := client.recv(2**20))
                assert more, "cut off"
        return bool(json.loads(gzip.decompress(body))["model"] == "handwriting")

    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    dawdlers = [
        (),
        (b"GET /healthz HT",),
        tuple(bytes([byte]) for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"),  # a byte a second
        (head, *[b"x"] * 30),
    ]
    with ThreadPoolExecutor(len(dawdlers) + 2) as pool:
        phone = pool.submit(lets_a_slow_phone_fetch_a_model)
        dropped = [pool.submit(drops_who_sends, *pieces) for pieces in dawdlers] + [pool.submit(drops_who_never_listens)]
        while not all(answer.done() for answer in dropped):
            assert impatient.ask("GET", "/healthz")[0] == 200
            time.sleep(0.5)
    assert all(answer.result() for answer in dropped)
    assert phone.result()


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


def test_more_connections_than_seats_are_closed_at_once(served: Served) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(600)]
        closed: set[socket.socket] = set()
        while len(closed) < 80:  # pytest's own time limit ends a wait in vain
            for client in clients:
                client.settimeout(0.001)
                try:
                    if client.recv(1) == b"":
                        closed.add(client)
                except ConnectionResetError:
                    closed.add(client)
                except TimeoutError:
                    continue
        assert len(closed) <= 100
    time.sleep(0.3)  # the server sees that they have gone
    assert served.ask("GET", "/healthz")[0] == 200


def test_headers_without_end_are_cut_off(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        endless = "".join(f"X-{i}: {'y' * 100}\r\n" for i in range(100_000)).encode()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(endless)


MIB = 2**20
CHUNKED = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
TRAILERS = [
    b"X: y",
    b"Host: localhost",
    b"Host: evil.example",
    b"Origin: http://localhost",
    b"Content-Length: 5",
    b"X:",
    b"Cookie: a=b",
]


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("body", [b"", b"1\r\nx\r\n"])
def test_a_trailer_is_refused(served: Served, trailer: bytes, body: bytes) -> None:
    assert served.raw(CHUNKED + body + b"0\r\n" + trailer + b"\r\n\r\n")[0] == 400


@pytest.mark.parametrize("version", [b"", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/3.7"])
def test_another_version_of_http_is_refused(served: Served, version: bytes) -> None:
    assert served.raw(b"GET /healthz" + version + b"\r\nHost: localhost\r\n\r\n")[0] == 400


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        (b"http://localhost/healthz", 200),
        (b"http://evil.example/healthz", 400),
        (b"http://localhost@evil.example/healthz", 400),
        (b"http://localhost:1/healthz", 400),
        (b"HTTP://LOCALHOST.evil.example/healthz", 400),
    ],
)
def test_an_absolute_uri_must_name_the_host_that_is_checked(served: Served, uri: bytes, status: int) -> None:
    assert served.raw(b"GET " + uri + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")[0] == status


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"ch", b"identity", b"\x0bchunked", b""])
def test_a_body_in_another_coding_is_refused(served: Served, coding: bytes) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
    assert served.raw(head + b"0\r\n\r\n")[0] == 400


def test_a_host_that_stands_only_in_a_trailer_is_none(served: Served) -> None:
    request = b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: localhost\r\n\r\n"
    assert served.raw(request)[0] in {400, 421}


def flooded(served: Served, begin: bytes, endless: bytes, limit: int) -> int:
    """How many bytes of what never ends are taken before the connection is reset; the server must not grow meanwhile."""
    server = psutil.Process(served.process.pid)
    before, sent = server.memory_info().rss, 0
    with served.connect() as client, contextlib.suppress(OSError):
        client.sendall(begin)
        while sent < limit:
            client.sendall(endless)
            sent += len(endless)
    assert server.memory_info().rss - before < 16 * MIB
    assert served.ask("GET", "/healthz")[0] == 200
    return sent


@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (CHUNKED + b"0\r\n", b"X-Trailer: " + b"y" * 1000 + b"\r\n"),
        (CHUNKED + b"0\r\nX: ", b"y" * 65536),
        (CHUNKED + b"1;extension=", b"y" * 65536),
        (CHUNKED + b"1\r\nx\r\n", b"0" * 65536),
        (b"GET /", b"y" * 65536),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n" * 10_000),
        (b"", b"\r\n" * 30_000),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n" * 30_000),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", b"y" * 65536),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"y" * 65536 + b"\r\n"),
        (b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n" * 10_000),
    ],
)
def test_whatever_never_ends_is_cut_off_and_not_kept(served: Served, begin: bytes, endless: bytes) -> None:
    assert flooded(served, begin, endless, 64 * MIB) < 64 * MIB


def test_clients_that_pipeline_and_never_read_cost_nothing_and_are_dropped(impatient: Served) -> None:
    server = psutil.Process(impatient.process.pid)
    before = server.memory_info().rss
    requests = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000

    def pipeline() -> None:
        with impatient.connect(timeout=60) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while True:
                client.sendall(requests)

    with ThreadPoolExecutor(20) as pool:
        clients = [pool.submit(pipeline) for _ in range(20)]
        while not all(client.done() for client in clients):
            assert impatient.ask("GET", "/healthz")[0] == 200
            assert server.memory_info().rss - before < 32 * MIB
            time.sleep(0.2)
        for client in clients:
            client.result()


def test_empty_lines_after_an_answer_keep_no_place(impatient: Served) -> None:
    with impatient.connect() as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(client)[0] == 200
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(120):
                client.sendall(b"\r\n")
                time.sleep(0.5)
            pytest.fail("still connected")


def test_idle_connections_shut_out_neither_a_newcomer_nor_whoever_has_the_token(tmp_path: Path) -> None:
    right = b"GET /healthz HTTP/1.1\r\nHost: lab.example\r\nAuthorization: Bearer right-token\r\n\r\n"
    wrong = b"GET /healthz HTTP/1.1\r\nHost: lab.example\r\n"
    with serve(tmp_path, "--allow-host", "lab.example", "--token", "right-token") as server, ExitStack() as stack:
        owner = stack.enter_context(server.connect())
        owner.sendall(right)
        assert read_answer(owner)[0] == 200
        for number in range(1100):
            idle = stack.enter_context(server.connect())
            if number % 2:
                idle.sendall(wrong)  # half a request
            if number % 100 == 0:
                assert server.raw(right)[0] == 200
        owner.sendall(right)  # the first connection of all is still there
        assert read_answer(owner)[0] == 200
        assert server.raw(right)[0] == 200


PIECES = rb"""GET /healthz HTTP/1.1\r\n|POST /predict HTTP/1.1\r\n|Host: localhost\r\n|Host: evil\r\n|\r\n|0\r\n\r\n
Transfer-Encoding: chunked\r\n|Content-Length: 5\r\n|Content-Length: 0\r\n|5\r\nhello\r\n|0\r\n|X: y\r\n|Connection: close\r\n
Connection: Upgrade\r\nUpgrade: websocket\r\n|Expect: 100-continue\r\n|ffffffffffffffff\r\n|Content-Type: image/png\r\n|hello
\x00\xff|GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n|-1\r\n|;x=y\r\n""".replace(b"\n", b"|")
FRAMING = [piece.decode("unicode_escape").encode("latin-1") for piece in PIECES.split(b"|")]


@given(pieces=st.lists(st.sampled_from(FRAMING), max_size=30), size=st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_any_framing_is_answered_or_refused(served: Served, pieces: list[bytes], size: int) -> None:
    stream = b"".join(pieces)
    with served.connect() as client, contextlib.suppress(OSError):
        for start in range(0, len(stream), size):
            client.sendall(stream[start : start + size])
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            answers = b""
            while more := client.recv(65536):
                answers += more
                assert b"HTTP/1.1 5" not in answers
    assert served.ask("GET", "/healthz")[0] == 200
