"""One connection: uvicorn's HTTP protocol, with limits on time, on bytes and on requests that wait."""

import asyncio
import socket
import struct
import sys
from asyncio import TimerHandle
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from softreg.serving.security import MAX_BODY_BYTES, TRUST

REQUEST_SECONDS = 10.0  # for a request to arrive whole, and for a reader to take what it was sent
MAX_HEAD_BYTES = 32 * 2**10  # of a head, and of everything else that is not body: chunk headers between two pieces of it
MAX_CONNECTIONS = 512
RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger for no time
VERSIONS = {"1.0", "1.1"}
PIECE = 2048  # bytes parsed at a time: some fifty requests, if they are pipelined


class Deadline:
    """A timer that calls `expired` after `REQUEST_SECONDS`, unless it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._timer: TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._timer is not None

    def start(self) -> None:
        """Start the timer, or restart it if it runs."""
        self.stop()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._expired)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for ever for a request, keeps all it is sent, and takes any number of connections.

    Two deadlines: one from the first byte of a request (or from the connection) until it is whole, and one whenever the client
    does not take what is sent to it. Answering takes as long as it takes. Pipelined requests are parsed a few at a time; what
    follows them stays as it came, and no more is read meanwhile. A trailer is refused: it would join the headers after they were
    checked.

    When all places are taken, a newcomer gets the place of the connection that has done least: first of those that never sent a
    request that was let in, so whoever has the token is not shut out by whoever has not.
    """

    trusted = False  # whether a request of this connection has passed every check
    active_at = 0.0  # when the last request began, on the loop's clock
    _in_head = True
    _overhead = 0  # bytes since the last piece of a body, or since the request began
    _body = 0  # bytes of this request's body
    _answering: RequestResponseCycle | None = None
    _unread = b""  # what has arrived and is not parsed yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the request deadline; close the least useful connection if there are too many."""
        super().connection_made(transport)
        self.active_at = self.loop.time()
        self._arriving = Deadline(self.loop, self._abort)
        self._leaving = Deadline(self.loop, self._abort)
        self._arriving.start()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both deadlines: the connection has ended."""
        self._arriving.stop()
        self._leaving.stop()
        self._unread = b""
        if self._answering is not None:  # uvicorn tells the newest of pipelined requests alone
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def trust(self) -> None:
        """Mark the connection as trusted: one of its requests has passed every check."""
        self.trusted = True

    def data_received(self, data: bytes) -> None:
        """Parse the received bytes, unless requests of this connection are already waiting."""
        self._unread = self._unread + data if self._unread else data
        self._parse()

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {TRUST: cast(dict[object, object], self.trust)}
        self._in_head, self._overhead, self._body = True, 0, 0
        self.active_at = self.loop.time()
        self._arriving.start()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; refuse a trailer, and bodies in a coding that is not understood (RFC 9112, 6.1)."""
        if not self._in_head or (name.lower() == b"transfer-encoding" and value.strip().lower() != b"chunked"):
            raise ValueError(name)  # the parser turns it into 400
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request: its head is complete. What is not HTTP/1 is refused: a line without a version passes for 0.9.

        So is a URI whose host is not the Host header's, which is checked (RFC 9112, 3.2.2 has the URI's host count instead).
        """
        if self.parser.get_http_version() not in VERSIONS:
            raise ValueError("version")
        if not self.url.startswith((b"/", b"*")) and _authority(self.url) not in [v for name, v in self.headers if name == b"host"]:
            raise ValueError("authority")
        self._in_head = False
        super().on_headers_complete()
        if not self.pipeline:
            self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body that no route reads; the app counts what it reads itself."""
        self._overhead = 0
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the deadline: the request is complete."""
        self._arriving.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Parse what has arrived while the response was sent."""
        self._answering = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self._parse()

    def pause_writing(self) -> None:
        """Start the deadline for a client that does not read its response."""
        super().pause_writing()
        self._leaving.start()

    def resume_writing(self) -> None:
        """Stop that deadline: the client has caught up."""
        super().resume_writing()
        self._leaving.stop()

    def _parse(self) -> None:
        """Parse what is unread, until a request has to wait for the one before it."""
        while self._unread and not self.pipeline and not self.transport.is_closing():
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            if not self._arriving.is_running:
                self._arriving.start()
            self._overhead += len(piece)
            super().data_received(piece)
            if self._overhead > MAX_HEAD_BYTES or self._body > 2 * MAX_BODY_BYTES:
                self._abort()
        if self._unread and not self.transport.is_closing():
            self._arriving.stop()  # it is not the client who keeps us waiting
            self.flow.pause_reading()

    def _make_room(self) -> None:
        """Close the connection that has done least, this one apart."""
        connections = cast("set[LimitedProtocol]", self.connections)
        others = [other for other in connections if other is not self and not other.transport.is_closing()]
        if len(others) >= MAX_CONNECTIONS:
            min(others, key=LimitedProtocol._standing)._abort()

    def _standing(self) -> tuple[bool, bool, float]:
        """What a connection is worth when room is short: trusted before others, then one that is being answered, then the newer."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        return self.trusted, is_answering, self.active_at

    def _abort(self) -> None:
        """Close at once: nothing that waits to be sent is kept, here or in the kernel."""
        self._unread = b""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()


def _authority(url: bytes) -> bytes:
    """The host and port of an absolute URI."""
    return url.partition(b"://")[2].partition(b"/")[0]
