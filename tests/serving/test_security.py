"""Every rule of the middleware, attacked over a socket."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from softreg.serving.security import SecurityMiddleware
from tests.helpers.live_server import Served, read_answer, serve

MIB = 2**20


ROUTES = (
    "/",
    "/page/app.js",
    "/words/en",
    "/healthz",
    "/models",
    "/weights",
    "/recipe",
    "/openapi.json",
    "/walkthrough",
    "/nothing",
)


STREAM = "/training/events"


POSTED = ("/predict", "/training", "/training/stop")


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
    for method, route in [*(("GET", path) for path in (*ROUTES, STREAM)), *(("POST", path) for path in POSTED)]:
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


def test_an_allowed_host_needs_the_token_on_every_route(tmp_path: Path) -> None:
    with serve(tmp_path, "--allow-host", "lab.example", SOFTREG_TOKEN="right-token") as server:
        for host in ("lab.example", "localhost"):  # a Host header can be forged by whoever is no browser
            for route in (*ROUTES, STREAM):
                assert server.ask("GET", route, Host=host)[0] == 401
                assert server.ask("GET", route, Host=host, Cookie="softreg_token=")[0] == 401
        assert server.ask("GET", "/healthz", Host="lab.example", Authorization="Bearer wrong")[0] == 401
        assert server.ask("GET", "/healthz", Host="lab.example", Cookie="softreg_token=wrong")[0] == 401
        assert server.ask("GET", "/healthz?token=wrong", Host="lab.example")[0] == 401
        assert server.ask("GET", "/healthz", Host="lab.example", Authorization="Bearer right-token")[0] == 200
        assert server.ask("GET", "/healthz", Host="evil.example", Authorization="Bearer right-token")[0] == 421
        status, headers, _ = server.ask("GET", "/?token=right-token", Host="lab.example")
        assert (status, headers["location"]) == (303, "/")
        assert "HttpOnly" in headers["set-cookie"]
        assert "samesite=strict" in headers["set-cookie"].lower()
        cookie = headers["set-cookie"].partition(";")[0]
        assert server.ask("GET", "/models", Host="lab.example", Cookie=cookie)[0] == 200


def test_whoever_guesses_waits_and_whoever_has_the_token_does_not(tmp_path: Path) -> None:
    with serve(tmp_path, "--allow-host", "lab.example", SOFTREG_TOKEN="right-token") as server, ThreadPoolExecutor(60) as pool:

        def guess(number: int) -> int:
            return server.ask("GET", "/healthz", Host="lab.example", Authorization=f"Bearer wrong-{number}")[0]

        guesses = [pool.submit(guess, number) for number in range(200)]
        while not all(answer.done() for answer in guesses):
            assert server.ask("GET", "/healthz", Host="lab.example", Authorization="Bearer right-token")[0] == 200
        statuses = [answer.result() for answer in guesses]
        assert set(statuses) <= {401, 429}
        assert statuses.count(401) <= 20


def test_without_allowed_hosts_only_the_loopback_listens(served: Served) -> None:
    elsewhere = [
        info[4][0]
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not str(info[4][0]).startswith("127.")
    ]
    for address in elsewhere:
        with pytest.raises(OSError), socket.create_connection((str(address), served.port), timeout=2):  # noqa: PT011
            pass


@pytest.mark.parametrize("begun", [False, True])
def test_a_request_that_the_closing_server_gives_up_is_told_so_unless_its_answer_has_begun(begun: bool) -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200})
        raise asyncio.CancelledError

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        scope = {"type": "http", "headers": [(b"host", b"localhost")], "query_string": b""}
        await SecurityMiddleware(app)(scope, receive, send)

    with pytest.raises(asyncio.CancelledError) if begun else nullcontext():
        asyncio.run(ask())
    assert sent[0]["status"] == (200 if begun else 503)
