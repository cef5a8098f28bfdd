"""Downloading published files from the first mirror that has them as published.

`SOFTREG_MIRROR` is one or more addresses (separated by spaces) to try before the published ones, and `SOFTREG_OFFLINE=1` forbids
the network. A file must have the checksum that torchvision knows.
"""

import hashlib
import os
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from softreg._version import __version__
from softreg.errors import DataError
from softreg.messages import translate

if TYPE_CHECKING:
    from rich.progress import Progress

_CHUNK_BYTES = 1 << 20
_MAX_BYTES = 1 << 30  # the largest published file is half of this
_TIMEOUT = 30.0  # seconds without a byte
_BODY_SECONDS = 1800.0  # for a file to arrive whole: a mirror may drip for ever
_FAILURES = (
    URLError,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
    HTTPException,
    ValueError,
)  # of the mirror; other OSErrors are the disk's


@dataclass(frozen=True)
class Source:
    """A published file.

    Attributes
    ----------
    file : its name
    digest : its checksum as hex, or the first digits of it
    addresses : to try, in this order
    algorithm : of the checksum, "md5" or "sha256"
    """

    file: str
    digest: str
    addresses: tuple[str, ...]
    algorithm: str = "md5"


def offline() -> bool:
    """Whether the user has forbidden the network."""
    return os.environ.get("SOFTREG_OFFLINE", "").lower() not in {"", "0", "false", "no"}


def addresses(file: str, published: Sequence[str], folder: str) -> tuple[str, ...]:
    """Where to look for a file: at the user's own mirrors, which may keep it in `folder`, then where it is published."""
    own = [mirror.rstrip("/") for mirror in os.environ.get("SOFTREG_MIRROR", "").split()]
    return (*(address for mirror in own for address in (f"{mirror}/{file}", f"{mirror}/{folder}/{file}")), *published)


def download(source: Source, folder: Path, progress: "Progress") -> Path:
    """The file in `folder`, from the first address that has it with the right checksum.

    Raises
    ------
    DataError
        If no address has it.
    """
    path, failures = folder / source.file, []
    for address in source.addresses:
        mirror = address.partition("//")[2].partition("/")[0] or address
        try:
            _receive(address, path, progress)
        except _FAILURES as error:
            failures.append(f"{mirror}: {error.reason if type(error) is URLError else error}")
            continue
        if file_digest(path, source.algorithm).startswith(source.digest):
            return path
        failures.append(translate("data.wrong_digest", mirror=mirror, algorithm=source.algorithm.upper()))
    raise DataError("data.not_fetched", file=source.file, why="; ".join(dict.fromkeys(failures)))


def file_digest(path: Path, algorithm: str) -> str:
    """The checksum of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextmanager
def download_progress(sentence: str) -> Iterator["Progress"]:
    """Print a line on stderr and, if that is a terminal, show a progress bar below it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def _receive(address: str, path: Path, progress: "Progress") -> None:
    """Download `address` into `path`; a ValueError if it is cut off or endless."""
    request = Request(address, headers={"User-Agent": f"softreg/{__version__}"})
    with urlopen(request, timeout=_TIMEOUT) as response, path.open("wb") as file:
        length = _length(response)
        task, received, began = progress.add_task(path.name, total=length), 0, time.monotonic()
        try:
            while chunk := response.read1(_CHUNK_BYTES):
                if time.monotonic() - began > _BODY_SECONDS:
                    raise TimeoutError(translate("data.too_slow", seconds=round(_BODY_SECONDS)))
                file.write(chunk)
                received += len(chunk)
                progress.update(task, completed=received)
                if received > _MAX_BYTES:
                    raise ValueError(translate("data.endless", most=_MAX_BYTES))
        finally:
            progress.remove_task(task)
    if length is not None and received < length:
        raise ValueError(translate("data.cut_off", received=received, length=length))


def _length(response: HTTPResponse) -> int | None:
    declared = response.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None
