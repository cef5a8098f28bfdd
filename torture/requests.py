"""The HTTP API fed with requests drawn from its own OpenAPI document, and with damaged ones, over real sockets."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import psutil

from torture.connections import Answer, Request, answers
from torture.fuzz import MAX_GROWTH, MAX_SECONDS
from torture.mutations import mutated
from torture.readers import pictures

CONNECTIONS = 16
WARM_UP = 400  # requests
LARGE = 2**16  # bytes of an answer: parsing a larger one takes the client longer than sending it takes the server
VALUES = {  # of parameters without an enumeration in the document
    "model": ("tutorial",),
    "include": ("", "", "", "stages", "evidence", "stages,evidence", "else"),
    "sample": ("0", "9999", "10000", "-1"),
    "digit": ("0", "1", "99", "-1"),
}
SURPRISES: tuple[Any, ...] = (None, True, -1, 0, 256, 1.5, 1e400, "", "x" * 300, "\0", "쓰기", [], [[]], {}, {"image": []})


@dataclass
class ServerResult:
    """The outcome of fuzzing the server.

    Attributes
    ----------
    statuses : number of answers by status; 0 is no answer
    slowest : the longest time an answer took, in seconds
    growth : growth of the server after the warm-up, in MiB
    failures : wrong or late answers, tracebacks, too much memory, a server that ended
    """

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    growth: float = 0.0
    failures: list[str] = field(default_factory=list)


class Requests:
    """Requests by number, drawn from the OpenAPI document."""

    def __init__(self, document: dict[str, Any], port: int, scratch: Path) -> None:
        self.operations = [
            (path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            for _ in range(8 if path == "/predict" else 1)  # the most used, and reads the most
        ]
        self.picture = pictures(scratch).make
        self.host = f"127.0.0.1:{port}"
        self._seen: set[bytes] = set()  # large answers

    def make(self, number: int) -> Request:
        """A request of any kind, now and then damaged."""
        rng = Random(number)
        path, method, operation = rng.choice(self.operations)
        target = self._target(path, operation.get("parameters", []), rng)
        kind, body = self._body(path, rng) if "requestBody" in operation or rng.random() < 0.05 else ("", b"")
        if rng.random() < 0.03:
            method = rng.choice(("get", "post", "put", "delete", "head", "options", "patch"))
        headers = {"Host": self.host, "Content-Type": kind, "Content-Length": str(len(body))} | self._headers(rng)
        lines = [f"{method.upper()} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        raw = "\r\n".join([*lines, "", ""]).encode() + body
        return (raw, method != "head") if rng.random() < 0.9 else (mutated([raw], rng), False)

    def complaint(self, answer: Answer) -> str:
        """What is wrong with an answer; empty if nothing is."""
        _, whole = answer.request
        if answer.status == 0:
            return "no answer to a proper request" if whole else ""
        if answer.status >= 500 and answer.status != 503:
            return f"status {answer.status}"
        if not whole or b"application/json" not in answer.head:
            return ""
        try:
            value = self._parsed(answer.body, is_compressed=b"content-encoding: gzip" in answer.head)
        except (ValueError, EOFError, zlib.error):
            return f"not JSON: {answer.body[:80]!r}"
        return "a refusal without a sentence" if answer.status >= 400 and not value.get("error") else ""

    def _parsed(self, body: bytes, *, is_compressed: bool) -> Any:
        """The value of an answer in JSON; of a large one that was parsed before, nothing."""
        if len(body) > LARGE:
            if body in self._seen:
                return None
            self._seen.add(body)
        return json.loads(gzip.decompress(body) if is_compressed else body)

    def _target(self, path: str, parameters: list[dict[str, Any]], rng: Random) -> str:
        query = []
        for parameter in parameters:
            values = parameter["schema"].get("enum") or VALUES[parameter["name"]]
            value = rng.choice(values) if rng.random() < 0.8 else rng.choice(("../..", "%00", "9" * 400, "가", "", "a&b=c;d"))
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
            elif rng.random() < 0.7:
                query.append(f"{parameter['name']}={quote(value)}")
        return path + ("?" + "&".join(query) if query else "")

    def _body(self, path: str, rng: Random) -> tuple[str, bytes]:
        """Content type and body: a picture, an image as JSON or, for a training, a recipe, mostly an invalid one."""
        if path == "/training":
            value: Any = {rng.choice(("epochs", "lr", "solver", "dataset", "seed")): rng.choice((*SURPRISES, 10**9))}
            value |= {"epochs": 1} if rng.random() < 0.01 else {"no such": "field"}
        else:
            if rng.random() < 0.5:
                return rng.choice(("image/png", "image/jpeg", "image/*", "image/x; a=b")), self.picture(rng)
            rows: list[Any] = [[rng.choice((0, 0, 0, 255)) for _ in range(28)] for _ in range(28)]
            if rng.random() < 0.5:
                rng.choice(rows)[rng.randrange(28)] = rng.choice(SURPRISES)
            value = rng.choice((rows, {"image": rows}, {"image": rows}, rng.choice(SURPRISES)))
        body = json.dumps(value).encode()
        return rng.choice(("application/json",) * 8 + ("text/plain", "")), body if rng.random() < 0.8 else mutated([body], rng)

    def _headers(self, rng: Random) -> dict[str, str]:
        odd = {
            "Accept-Language": rng.choice(("ko", "en", "", "x" * 100)),
            "Origin": rng.choice((f"http://{self.host}", "http://evil.example", "null")),
            "Cookie": rng.choice(("softreg_token=1", "=", ";;;")),
            "Host": rng.choice(("evil.example", "localhost", "")),
            "If-None-Match": '"0"',
            "Expect": "100-continue",
        }
        usual = {"Accept-Encoding": "gzip, deflate"} if rng.random() < 0.8 else {}
        return usual | {name: odd[name] for name in odd if rng.random() < 0.02}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """`softreg serve` in a process of its own; its port and process."""
    command = [sys.executable, "-m", "softreg", "serve", "--port", "0", "--json"]
    with (folder / "stderr").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, env=os.environ | {"SOFTREG_LANG": "en"})
    assert server.stdout is not None
    try:
        yield urlsplit(json.loads(server.stdout.readline())["url"]).port or 0, psutil.Process(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        server.stdout.close()


def send_all(numbers: range, folder: Path) -> ServerResult:
    """Send the requests with these numbers to one server, over a few connections at a time."""
    from softreg.serving.openapi import document

    result = ServerResult()
    with serving(folder) as (port, process):
        requests = Requests(document(), port, folder)
        send(requests, port, numbers[:WARM_UP], result)
        if rest := numbers[WARM_UP:]:
            train(requests.host, port)
            before = process.memory_info().rss
            send(requests, port, rest, result, CONNECTIONS)
            train(requests.host, port)  # one of the requests may have started a training, and what it holds would count
            result.growth = (process.memory_info().rss - before) / 2**20
        check_alive(process, result)
    check_log(folder, result)
    if result.growth > MAX_GROWTH:
        result.failures.append(f"memory grew by {result.growth:.0f} MiB")
    return result


def check_alive(process: psutil.Process, result: ServerResult) -> None:
    """Note a server that has ended."""
    if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
        result.failures.append("the server ended")


def check_log(folder: Path, result: ServerResult) -> None:
    """Note a traceback on stderr, where libtiff writes complaints of its own."""
    if "Traceback" in (log := (folder / "stderr").read_text()):
        result.failures.append(f"a traceback: {log[-300:]}")


def train(host: str, port: int) -> None:
    """Finish one training and one walkthrough: they load libraries and data that stay in memory."""
    body = b'{"epochs": 1}'
    post = f"POST /training HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    end = time.monotonic() + 60
    while (status := once(port, post)) == 409 and time.monotonic() < end:  # one of the drawn requests has begun a training
        time.sleep(0.2)
    assert status == 202, f"no training: {status}"
    assert once(port, f"GET /walkthrough?sample=1 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == 200
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET /training/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        seen = b""
        while b'"ended"' not in seen:
            seen = seen[-100:] + client.recv(65536)


def once(port: int, request: bytes) -> int:
    """The status of the answer to a request on a connection of its own."""
    (answer,) = answers(port, lambda number: (request, True), [0])
    return answer.status


def send(requests: Requests, port: int, numbers: Iterable[int], result: ServerResult, n_connections: int = 1) -> None:
    """Send the requests with these numbers, a few at a time, and count the answers."""
    for answer in answers(port, requests.make, numbers, n_connections):
        result.statuses[answer.status] += 1
        result.slowest = max(result.slowest, answer.seconds)
        if complaint := requests.complaint(answer) or (f"{answer.seconds:.1f} s" if answer.seconds > MAX_SECONDS else ""):
            result.failures.append(f"request {answer.number}: {complaint}, {answer.request[0][:80]!r}")
