"""HTTP framing: streams of whole, cut and contradicting pieces of requests, sent in portions of any size.

h11 parses the same stream: the server may refuse more than h11 does, but must never see a request where h11 sees none.
"""

import contextlib
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import h11

from torture.fuzz import MAX_GROWTH, MAX_SECONDS
from torture.mutations import mutated
from torture.requests import WARM_UP, ServerResult, check_alive, check_log, serving

CLIENTS = 4
WHOLE = [
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
]
LINES = r"""
GET /healthz HTTP/1.1|GET /healthz HTTP/1.0|POST /predict HTTP/1.1|GET /healthz|HTTP/1.1 200 OK|PRI * HTTP/2.0|GET /healthz HTTP/3.7
Host: localhost|Host: evil|Host : localhost| folded|X: y|X|: y|Connection: close|Connection: Upgrade|Upgrade: websocket
Transfer-Encoding: chunked|Transfer-Encoding: gzip, chunked|Transfer-Encoding:\x0bchunked|TE: trailers|Trailer: Host
Expect: 100-continue
Content-Length: 5|Content-Length: 0|Content-Length: 5, 5|Content-Length: +5|Content-Length: 0x5
hello|5|0|5;x=y|ffffffffffffffff|-1|\x00\xff"""
PIECES = [line.encode().decode("unicode_escape").encode("latin-1") + b"\r\n" for line in LINES.replace("\n", "|").split("|")]
PIECES += [b"\n", b"\r", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n"]
REFUSALS = {100, 400, 421}  # no answer; not HTTP; not one Host, of this server


def send_streams(numbers: range, folder: Path) -> ServerResult:
    """Send the streams with these numbers to one server, by a few clients at a time."""
    result = ServerResult()
    with serving(folder) as (port, process):
        _send(port, numbers[:WARM_UP], result)
        before = process.memory_info().rss
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(lambda share: _send(port, numbers[WARM_UP + share :: CLIENTS], result), range(CLIENTS)))
        result.growth = (process.memory_info().rss - before) / 2**20
        check_alive(process, result)
    check_log(folder, result)
    if result.growth > MAX_GROWTH:
        result.failures.append(f"memory grew by {result.growth:.0f} MiB")
    return result


def _stream(rng: Random) -> bytes:
    pieces = [rng.choice(WHOLE) if rng.random() < 0.2 else rng.choice(PIECES) for _ in range(rng.randrange(1, 20))]
    if rng.random() < 0.5:
        pieces.insert(0, rng.choice(WHOLE))
    return mutated([b"".join(pieces)], rng) if rng.random() < 0.2 else b"".join(pieces)


def _send(port: int, numbers: Iterable[int], result: ServerResult) -> None:
    for number in numbers:
        rng = Random(number)
        stream, size = _stream(rng), rng.choice((1, 7, 50, 5000))
        start = time.perf_counter()
        statuses = _statuses(port, stream, size)
        seconds = time.perf_counter() - start
        result.slowest = max(result.slowest, seconds)
        result.statuses.update(statuses or [0])
        answered, requests = sum(status not in REFUSALS for status in statuses), _requests(stream)
        if answered > requests:
            result.failures.append(f"stream {number}: {answered} answers to {requests} requests: {stream[:200]!r}")
        if any(status >= 500 and status != 503 for status in statuses):
            result.failures.append(f"stream {number}: {Counter(statuses)}: {stream[:200]!r}")
        if seconds > MAX_SECONDS:
            result.failures.append(f"stream {number}: {seconds:.1f} s: {stream[:200]!r}")


def _statuses(port: int, stream: bytes, size: int) -> list[int]:
    """What the server answers until it closes the connection, which the client has half closed."""
    answers = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client, contextlib.suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(stream), size):
            client.sendall(stream[start : start + size])
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(65536):
            answers += more
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def _requests(stream: bytes) -> int:
    """The number of requests that h11 sees before the stream ends or breaks the protocol."""
    count = 0
    while stream := stream.lstrip(b"\r\n"):  # a server should skip empty lines before a request (RFC 9112, 2.2); h11 does not
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(stream)
        try:
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if not isinstance(event, h11.Request | h11.Data):
                    return count
                count += isinstance(event, h11.Request)
        except h11.RemoteProtocolError:
            return count
        stream, _ = connection.trailing_data
    return count
