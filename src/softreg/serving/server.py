"""The server's socket, signals and shutdown."""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from softreg.errors import ServingError
from softreg.serving.protocol import LimitedProtocol
from softreg.serving.terminal import log_to_terminal

IDLE_SECONDS = 75  # an open page keeps its connection
SHUTDOWN_SECONDS = 3  # for what was accepted to finish,
KILL_SECONDS = 4.5  # and for everything: then the process ends
INTERRUPTED = 130  # exit code after Ctrl-C
BACKLOG = 1024
SEND_BUFFER = 2**17  # bytes the kernel keeps of what a client does not read; by itself it takes megabytes
# Windows' SO_REUSEADDR lets another program take the port; elsewhere it lets a server that was just closed be opened again.
ONE_LISTENER = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
M_MMAP_THRESHOLD = -3  # malloc.h


class Server(uvicorn.Server):
    """uvicorn, which tells the app at once when it is time to go, so that streams end, and gives the signal back to its caller."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen. What is loaded by now is frozen: collecting garbage in all of torch held up answers for 0.1 s."""
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
        try:
            listening.setsockopt(socket.SOL_SOCKET, ONE_LISTENER, 1)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # of every connection
            listening.bind(address)
            listening.listen(BACKLOG)  # from here on nobody is turned away, even before the event loop runs
        except OSError:
            listening.close()
            raise
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
    log_to_terminal()
    options: dict[str, Any] = {"loop": "uvloop" if sys.platform != "win32" else "asyncio", "http": LimitedProtocol, "ws": "none"}
    config = uvicorn.Config(
        app,
        **options,
        log_config=None,
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
