"""A local mirror that can misbehave, and tiny datasets in the official formats to serve from it."""

import gzip
import hashlib
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from numpy.typing import NDArray

UBYTE, INT = (0x08, ">u1"), (0x0C, ">i4")


def idx(array: "NDArray[np.integer]", kind: tuple[int, str] = UBYTE) -> bytes:
    """The array as an IDX file, by the format's published description."""
    return struct.pack(f">HBB{array.ndim}I", 0, kind[0], array.ndim, *array.shape) + array.astype(kind[1]).tobytes()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tiny(seed: int, count: int = 12, classes: int = 10) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
    """Random images (count, 28, 28) and labels (count,), with every class if `count` allows."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % classes).astype(np.uint8)


def tiny_files(seed: int) -> dict[str, bytes]:
    """The four gzip'd files of a dataset in the layout of MNIST."""
    files: dict[str, bytes] = {}
    for part in ("train", "t10k"):
        images, labels = tiny(seed + len(files))
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels))
    return files


class Mirror:
    """Files served by path (anything else is 404), failures by path prefix, and the paths requested so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.failing: dict[str, str] = {}  # "/prefix": "wrong", "cut", "reset", "slow" or "500"
        self.asked: list[str] = []

    def failure(self, path: str) -> str:
        return next((how for prefix, how in self.failing.items() if path.startswith(prefix)), "")


@contextmanager
def mirror() -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def drip(self, content: bytes) -> None:
            """Send a byte at a time until the other side has had enough, or two seconds."""
            with suppress(OSError):
                for byte in content[:40]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)

        def do_GET(self) -> None:
            served.asked.append(self.path)
            content, how = served.files.get(self.path), served.failure(self.path)
            if how == "reset":
                self.close_connection = True
                return
            if content is None or how == "500":
                self.send_error(500 if how else 404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if how == "slow":
                self.drip(content)
                return
            self.wfile.write(content[: len(content) // 2] if how == "cut" else content[::-1] if how == "wrong" else content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Mirror(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
