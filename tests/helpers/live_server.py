"""`softreg serve` in a process of its own, and a client that sends exactly the given bytes over a raw socket."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SEVEN = [
    *[[0] * 28] * 7,
    *[[0] * 6 + [255] * 15 + [0] * 7] * 2,
    *[[0] * (19 - i) + [255] * 3 + [0] * (6 + i) for i in range(13)],
    *[[0] * 28] * 6,
]


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    urls: list[str]

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def stop(self) -> str:
        """End it; what it wrote to its terminal."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=10)[1]

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send these bytes; status, headers and body of what comes back until the other side closes or the body is whole."""
        with self.connect() as client:
            client.sendall(request)
            return read_answer(client)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """A request with proper headers, each of which can be replaced (names with _ for -)."""
        given = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body))} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return self.raw(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)

    def json(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        status, _, content = self.ask(method, target, body, **headers)
        return status, json.loads(content)

    def predict(self, picture: bytes, query: str = "", kind: str = "image/png") -> tuple[int, Any]:
        return self.json("POST", f"/predict{query}", picture, Content_Type=kind)


def read_answer(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One response; status 0 if the connection ends without any."""
    received = b""
    try:
        while b"\r\n\r\n" not in received and (more := client.recv(65536)):
            received += more
        head, _, body = received.partition(b"\r\n\r\n")
        if not head:
            return 0, {}, b""
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)) and (more := client.recv(65536)):
            body += more
    except ConnectionResetError:
        return 0, {}, b""
    return int(lines[0].split()[1]), headers, body


@contextmanager
def serve(folder: Path, *options: str, program: Sequence[str] = ("-m", "softreg"), **environment: str) -> Iterator[Served]:
    """`softreg serve` on a free port, its runs in folder/runs; ended with SIGTERM."""
    command = [sys.executable, *program, "serve", "--port", "0", "--json", *options]
    environ = os.environ | {"SOFTREG_LANG": "en"} | environment
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        started = json.loads(line)
        yield Served(process, started["url"], folder, started["urls"])
    finally:
        process.send_signal(signal.SIGTERM)
        if not process.stdout.closed:  # by `stop`
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def png(array: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def array_of(value: dict[str, Any]) -> NDArray[np.float64]:
    """An array as the API encodes it."""
    raw = np.frombuffer(base64.b64decode(value["bytes"]), dtype=value["type"])
    return np.asarray(raw.reshape(value["shape"]) * value["scale"], np.float64)
