"""The socket, the signals, and a deadline for every connection."""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import struct
import sys
import threading
from asyncio import TimerHandle
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from softreg.errors import ServingError

REQUEST_SECONDS = 10.0  # for a request to arrive whole, and for a reader to take what it was sent
IDLE_SECONDS = 75  # an open page keeps its connection
SHUTDOWN_SECONDS = 3  # for what was accepted to finish,
KILL_SECONDS = 4.5  # and for everything: then the process ends
INTERRUPTED = 130  # exit code after Ctrl-C
MAX_HEAD_BYTES = 32 * 2**10  # bytes of request line and headers
MAX_CONNECTIONS = 512
BACKLOG = 1024
M_MMAP_THRESHOLD = -3  # malloc.h


class Deadline:
    """A timer that calls `expired` after `REQUEST_SECONDS`, unless it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Start the timer, or restart it."""
        self.stop()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._expired)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which resets slow connections: uvicorn itself waits for ever for the rest of a request.

    The deadline runs from the first byte (or from the connection, when none comes) until the request is whole, and again whenever
    the client does not take what is sent to it. Answering takes as long as it takes.
    """

    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer; more than `MAX_CONNECTIONS` are not served at all."""
        super().connection_made(transport)
        self._arriving = Deadline(self.loop, self._abort)
        self._leaving = Deadline(self.loop, self._abort)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._arriving.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timers."""
        self._arriving.stop()
        self._leaving.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse endless heads, which the parser would keep in memory."""
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Start the timer for a request."""
        super().on_message_begin()
        self._head = 0
        self._arriving.start()

    def on_headers_complete(self) -> None:
        """From here on `limit_body` counts."""
        self._head = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._arriving.stop()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the timer for the reader."""
        super().pause_writing()
        self._leaving.start()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        self._leaving.stop()

    def _abort(self) -> None:
        """Close at once: nothing that waits to be sent is kept, here or in the kernel."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn, which tells the app at once when it is time to go, so that streams end, and gives the signal back to its caller."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. What is loaded by now stays: looking through all of torch again held up every answer for 0.1 s now and then."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted, as far as `KILL_SECONDS` allow."""
        kill = threading.Timer(KILL_SECONDS, exit_now, [self.code])
        kill.daemon = True
        kill.start()
        self._closing()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the server; unlike uvicorn, neither is raised again afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def code(self) -> int:
        """The exit code of the process."""
        return INTERRUPTED if signal.SIGINT in self._captured_signals else 0


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises
    ------
    ServingError
        If the port is taken or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)  # from here on nobody is turned away, even before the event loop runs
    except OSError as error:
        raise ServingError("serving.no_port", host=host, port=port, why=error.strerror or error) from error
    return listening


def _give_back_large_blocks() -> None:
    """Have glibc return blocks of 1 MiB or more to the system once they are freed.

    By itself it raises that bound to 32 MiB on the way and keeps what is smaller: 100 MiB after some trainings and large pictures.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**20)


def make_server(app: ASGIApp, closing: Callable[[], None]) -> Server:
    """The server of `app`; `closing` is called when it begins to shut down."""
    _give_back_large_blocks()
    options: dict[str, Any] = {"loop": "uvloop" if sys.platform != "win32" else "asyncio", "http": DeadlineProtocol, "ws": "none"}
    config = uvicorn.Config(
        app,
        **options,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return Server(config, closing)


def exit_now(code: int) -> None:
    """End the process now, though threads may still compute: files are written whole or not at all, so none is damaged."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
