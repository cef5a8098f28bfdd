"""Many connections in one thread: each sends a request, takes the answer, and sends the next one.

A server answers thousands of requests a second; clients with a thread each would take more of the processor than it does.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

ANSWER_SECONDS = 10.0  # after which an answer counts as missing
PIECE = 2**18  # bytes
END_OF_HEAD = b"\r\n\r\n"
Request = tuple[bytes, bool]  # what to send, and whether it is valid HTTP, so that the connection can be kept


class Answer(NamedTuple):
    """What came back.

    Attributes
    ----------
    number : of the request
    request : what was sent
    status : 0 if there was no answer
    head : in lower case
    body : of a stream, what came of it with the head
    seconds : until it was complete, or given up
    """

    number: int
    request: Request
    status: int
    head: bytes
    body: bytes
    seconds: float

    @property
    def ends_connection(self) -> bool:
        """Whether the next request needs another connection."""
        is_kept = self.status and self.request[1]
        return not is_kept or b"connection: close" in self.head or b"event-stream" in self.head


class Connection:
    """One request after another, over sockets that are replaced when the server or a request has closed them."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._selector = selector
        self._socket: socket.socket | None = None

    def ask(self, number: int, request: Request) -> None:
        """Send a request; after one that is not valid, say that no other will follow."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=ANSWER_SECONDS)
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._number, self._request = number, request
        self._received, self._size = bytearray(), 0
        self._start = time.perf_counter()
        with suppress(OSError):  # the server closes connections that break the protocol: what it said before can be read
            self._socket.sendall(request[0])
            if not request[1]:
                self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> Answer | None:
        """The answer, if all of it is there; to be called when something can be read."""
        assert self._socket is not None
        try:
            more = self._socket.recv(PIECE)
        except OSError:
            return self._answer(0)
        self._received += more
        self._size = self._size or _size(self._received)
        if more and (not self._size or len(self._received) < self._size):
            return None
        return self._answer(int(self._received[9:12]) if self._size else 0)

    def give_up(self) -> Answer | None:
        """No answer, if it should have come by now."""
        return self._answer(0) if time.perf_counter() - self._start > ANSWER_SECONDS else None

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _answer(self, status: int) -> Answer:
        head, _, body = bytes(self._received).partition(END_OF_HEAD)
        answer = Answer(self._number, self._request, status, head.lower(), body, time.perf_counter() - self._start)
        if answer.ends_connection:
            self.close()
        return answer


def answers(port: int, make: Callable[[int], Request], numbers: Iterable[int], n_connections: int = 1) -> Iterator[Answer]:
    """Send the requests with these numbers over a few connections at a time; yield each answer as it comes."""
    waiting = iter(numbers)
    with selectors.DefaultSelector() as selector:
        for number in islice(waiting, n_connections):
            Connection(port, selector).ask(number, make(number))
        while connections := selector.get_map():
            ready = [(key.data, key.data.receive()) for key, _ in selector.select(1.0)]
            late = [] if ready else [(key.data, key.data.give_up()) for key in list(connections.values())]
            for connection, answer in ready + late:
                if answer is None:
                    continue
                yield answer
                if (number := next(waiting, -1)) >= 0:
                    connection.ask(number, make(number))
                else:
                    connection.close()


def _size(received: bytearray) -> int:
    """The length of an answer whose head has come, 0 before; `100 Continue` is taken out."""
    while (end := received.find(END_OF_HEAD)) >= 0 and received.startswith(b"HTTP/1.1 100"):
        del received[: end + len(END_OF_HEAD)]
    if end < 0:
        return 0
    _, _, rest = bytes(received[:end]).lower().partition(b"\r\ncontent-length:")
    return end + len(END_OF_HEAD) + (int(rest.partition(b"\r\n")[0]) if rest else 0)
