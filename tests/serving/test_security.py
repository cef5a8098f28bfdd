"""Each safety rule of the server, attacked over a real socket."""

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest

from softreg.messages import catalogue
from tests.helpers.live_server import SEVEN, Served, png, read_answer, serve

MIB = 2**20
ROUTES = ("/", "/page/app.js", "/words/en", "/healthz", "/models", "/recipe", "/openapi.json", "/walkthrough", "/nothing")
STREAM = "/training/events"
POSTED = ("/predict", "/training", "/training/stop")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="module")
def dust() -> bytes:
    """A picture that takes a second to read: a hundred thousand specks."""
    return png(np.where(np.random.default_rng(0).random((2800, 2800)) < 0.02, 255, 0).astype(np.uint8))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil@localhost",
        "localhost@evil.example",
        "localhost:80:80",
        "",
        "127.0.0.2",
        "[::2]",
    ],
)
def test_a_foreign_host_is_refused_on_every_route(served: Served, host: str) -> None:
    for method, route in [*(("GET", each) for each in (*ROUTES, STREAM)), *(("POST", each) for each in POSTED)]:
        status, _, body = served.ask(method, route, Host=host)
        assert status == 421, route
        assert b"localhost" in body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:1"])
def test_this_machine_s_names_are_answered(served: Served, host: str) -> None:
    assert served.ask("GET", "/healthz", Host=host)[0] == 200


def test_a_missing_or_doubled_host_is_refused(served: Served) -> None:
    assert served.raw(b"GET /healthz HTTP/1.1\r\n\r\n")[0] in {400, 421}
    assert served.raw(b"GET /healthz HTTP/1.0\r\n\r\n")[0] in {400, 421}
    assert served.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")[0] in {400, 421}


def test_an_absolute_target_does_not_get_round_the_host(served: Served) -> None:
    assert served.raw(b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n")[0] in {400, 421}


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "file://", "", "http://127.0.0.1:99999"]
)
@pytest.mark.parametrize(
    "target",
    ["POST /predict", "POST /training", "POST /training/stop", "GET /models", "GET /training/events", "OPTIONS /predict"],
)
def test_a_foreign_or_null_origin_is_refused(served: Served, origin: str, target: str) -> None:
    method, route = target.split()
    status, headers, _ = served.ask(method, route, b"[]", Origin=origin, Content_Type="application/json")
    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_the_page_s_own_origin_is_answered_and_no_cors_header_is_ever_sent(served: Served) -> None:
    status, headers, _ = served.ask("GET", "/models", Origin=f"http://127.0.0.1:{served.port}")
    assert status == 200
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("target", ["POST /training", "GET /", "GET /models"])
def test_cross_site_requests_are_refused(served: Served, site: str, target: str) -> None:
    method, route = target.split()
    assert served.ask(method, route, Sec_Fetch_Site=site)[0] == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_what_a_foreign_form_could_send_is_no_question(served: Served, kind: str) -> None:
    assert served.ask("POST", "/predict", json.dumps(SEVEN).encode(), Content_Type=kind)[0] == 415


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_carries_the_headers(served: Served, route: str) -> None:
    _, headers, _ = served.ask("GET", route)
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_a_body_announced_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {MIB + 1}\r\n\r\n"
    assert served.raw(head.encode())[0] == 413


def test_a_body_without_a_length_is_counted_while_it_streams(served: Served) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with served.connect() as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        try:
            for _ in range(64):  # 4 MiB, if anybody listened
                client.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        status, _, _ = read_answer(client)
    assert status in {413, 0}  # 0: the answer was lost with the connection, which was closed while we were still sending
    assert status == 413 or sent < 4 * MIB
    assert served.ask("GET", "/healthz")[0] == 200


def test_a_body_of_a_mebibyte_is_read(served: Served) -> None:
    assert served.predict(b"x" * MIB)[0] == 400


def test_lengths_that_contradict_each_other_are_refused(served: Served) -> None:
    both = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert served.raw(both)[0] == 400
    twice = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"
    assert served.raw(twice)[0] == 400


def test_headers_without_end_are_cut_off(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        endless = "".join(f"X-{i}: {'y' * 100}\r\n" for i in range(100_000)).encode()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(endless)


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be large: zeros compress a thousandfold."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 10**6)) + part(b"IEND", b"")


def test_a_picture_larger_than_it_may_be_is_refused_before_it_is_decoded(served: Served) -> None:
    server = psutil.Process(served.process.pid)
    began, before = time.monotonic(), server.memory_info().rss
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1)):
        status, answer = served.predict(bomb(width, height))
        assert status == 400
        assert answer["error"]
    assert time.monotonic() - began < 2
    assert server.memory_info().rss - before < 32 * MIB


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"nope", b"[" * 100_000, b"[[1]]", b'{"image": 5}', b"\xff\xfe"])
def test_json_that_is_no_image_is_refused(served: Served, body: bytes) -> None:
    assert served.predict(body, kind="application/json")[0] == 400


@pytest.mark.parametrize("value", [-1, 256, 0.5, "7", None, [0], 10**400])
def test_pixels_that_are_none_are_refused(served: Served, value: object) -> None:
    rows = [[0] * 28 for _ in range(28)]
    rows[3][4] = value  # type: ignore[call-overload]
    assert served.predict(json.dumps(rows).encode(), kind="application/json")[0] == 400


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../best", "..%2F..%2Fbest", "file:///etc/passwd", "http://127.0.0.1:1/", "%00", "a" * 5000]
)
def test_a_model_is_never_a_path(served: Served, name: str) -> None:
    status, answer = served.predict(png(np.array(SEVEN, np.uint8)), f"?model={name}")
    assert status == 404
    assert "/etc" not in answer["error"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fapp.py", "%2e%2e/app.py", "../app.py", "..\\app.py", "app.py", "", "%2fetc%2fpasswd", "index.html%00.js"]
)
def test_a_page_is_never_a_path(served: Served, name: str) -> None:
    assert served.ask("GET", f"/page/{name}")[0] == 404


@pytest.mark.parametrize(
    "recipe", [{"dataset": "/etc"}, {"device": "cuda"}, {"validation": 1}, {"epochs": 10**6}, {"lr": "fast"}, {"nope": 1}, [], 3]
)
def test_a_training_takes_no_path_and_no_more_than_its_share(served: Served, recipe: object) -> None:
    status, answer = served.json("POST", "/training", json.dumps(recipe).encode(), Content_Type="application/json")
    assert status == 400
    assert "/etc" not in answer["error"]


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


def test_refusals_are_said_in_korean_too(served: Served) -> None:
    status, answer = served.json("GET", "/nothing", Accept_Language="ko-KR,ko;q=0.9")
    assert (status, answer["error"]) == (404, catalogue("serving")["no_route"]["ko"])


def test_clients_that_dawdle_are_dropped_and_others_are_served_meanwhile(served: Served) -> None:
    def deaf_until() -> float:
        """How long it puts up with a client that asks and never listens, until nothing more fits anywhere."""
        began = time.monotonic()
        request = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with served.connect(timeout=20) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                client.sendall(request * 500_000)
        return time.monotonic() - began

    def closed_after(*pieces: bytes, every: float = 1.0) -> float:
        """How long the server puts up with a client that sends these pieces, one a second, and then nothing."""
        began = time.monotonic()
        with served.connect(timeout=0.2) as client:
            rest = list(pieces)
            while time.monotonic() - began < 20:
                try:
                    if rest:
                        client.sendall(rest.pop(0))
                        time.sleep(every)
                    if not client.recv(65536):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        return time.monotonic() - began

    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    dawdlers = [
        (),
        (b"GET /healthz HT",),
        tuple(bytes([each]) for each in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"),  # a byte a second
        (head, *[b"x"] * 30),
    ]
    with ThreadPoolExecutor(len(dawdlers) + 1) as pool:
        waited = [pool.submit(closed_after, *pieces) for pieces in dawdlers] + [pool.submit(deaf_until)]
        while not all(each.done() for each in waited):
            assert served.ask("GET", "/healthz")[0] == 200
            time.sleep(0.5)
    assert all(8 < each.result() < 19 for each in waited), [each.result() for each in waited]


def test_everything_waiting_beyond_the_queue_is_refused_with_503(served: Served, dust: bytes) -> None:
    image = png(np.array(SEVEN, np.uint8))
    with ThreadPoolExecutor(200) as pool:
        first = pool.submit(served.ask, "POST", "/predict", dust, Content_Type="image/png")
        time.sleep(0.3)  # now the others wait for it
        statuses = [
            each[0] for each in pool.map(lambda _: served.ask("POST", "/predict", image, Content_Type="image/png"), range(199))
        ]
    assert first.result()[0] in {200, 400}
    assert set(statuses) == {200, 503}
    assert served.ask("GET", "/healthz")[0] == 200


def test_more_watchers_than_seats_are_refused_and_leave_their_seats(served: Served) -> None:
    request = b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(served.connect())
            client.sendall(request)
            assert client.recv(12) == b"HTTP/1.1 200"
        assert served.raw(request)[0] == 503
    time.sleep(0.5)  # the server sees that they have gone
    with served.connect() as client:
        client.sendall(request)
        assert client.recv(12) == b"HTTP/1.1 200"


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


def test_a_signal_ends_the_server_within_five_seconds_however_much_waits(tmp_path: Path, dust: bytes) -> None:
    with serve(tmp_path) as server, ThreadPoolExecutor(24) as pool:
        waiting = [pool.submit(server.ask, "POST", "/predict", dust, Content_Type="image/png") for _ in range(24)]
        time.sleep(1)  # they have arrived
        began = time.monotonic()
        server.process.terminate()
        assert server.process.wait(8) == 0
        assert time.monotonic() - began < 5
        for each in waiting:
            each.result()  # answered or hung up on, nobody waits on


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_was_accepted_and_ends_within_five_seconds(tmp_path: Path, sent: signal.Signals) -> None:
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
        for each in asking:
            each.start()
        time.sleep(0.3)
        began = time.monotonic()
        server.process.send_signal(sent)
        for each in asking:
            each.join()
        code = server.process.wait(8)
        assert time.monotonic() - began < 5
        assert answers == [200] * 4
        assert code == (130 if sent is signal.SIGINT else 0)
        events.close()


def test_a_busy_port_a_missing_run_and_an_open_door_are_one_clear_line(served: Served, tmp_path: Path) -> None:
    def fails(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "softreg", "serve", "--lang", "en", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    with ThreadPoolExecutor(3) as pool:
        busy = pool.submit(fails, "--port", str(served.port))
        missing = pool.submit(fails, "--port", "0", "--model", "nowhere")
        open_door = pool.submit(fails, "--host", "0.0.0.0")
    for failure, code, hint in ((busy, 1, str(served.port)), (missing, 1, "nowhere"), (open_door, 2, "--allow-host")):
        status, said = failure.result()
        assert status == code
        assert said.count("\n") == 1
        assert hint in said


def test_an_allowed_host_needs_the_token_on_every_route(tmp_path: Path) -> None:
    with serve(tmp_path, "--allow-host", "lab.example", SOFTREG_TOKEN="right") as server:
        for host in ("lab.example", "localhost"):  # a Host header can be forged by whoever is no browser
            for route in (*ROUTES, STREAM):
                assert server.ask("GET", route, Host=host)[0] == 401
                assert server.ask("GET", route, Host=host, Authorization="Bearer wrong")[0] == 401
                assert server.ask("GET", route, Host=host, Cookie="softreg_token=")[0] == 401
        assert server.ask("GET", "/healthz", Host="lab.example", Authorization="Bearer right")[0] == 200
        assert server.ask("GET", "/healthz", Host="evil.example", Authorization="Bearer right")[0] == 421
        status, headers, _ = server.ask("GET", "/?token=right", Host="lab.example")
        assert (status, headers["location"]) == (303, "/")
        assert "HttpOnly" in headers["set-cookie"]
        assert "samesite=strict" in headers["set-cookie"].lower()
        cookie = headers["set-cookie"].partition(";")[0]
        assert server.ask("GET", "/models", Host="lab.example", Cookie=cookie)[0] == 200


def test_without_allowed_hosts_only_the_loopback_listens(served: Served) -> None:
    elsewhere = [
        each[4][0]
        for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not str(each[4][0]).startswith("127.")
    ]
    for address in elsewhere:
        with pytest.raises(OSError), socket.create_connection((str(address), served.port), timeout=2):  # noqa: PT011
            pass
