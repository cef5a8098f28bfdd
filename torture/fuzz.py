"""Damaged files given to a reader: each is read or refused with an error of softreg's own, quickly, without memory growth."""

import ctypes
import gc
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

import psutil

from softreg.errors import SoftregError

MAX_SECONDS = 2.0  # of this thread's CPU time, per input
MAX_GROWTH = 64.0  # MiB
WARM_UP = 500  # inputs, after which memory should not grow any more


@dataclass
class FuzzResult:
    """The outcome of fuzzing one reader.

    Attributes
    ----------
    inputs : number of inputs given to the reader
    accepted : number of those it read without an error
    slowest : the longest time an input took, in seconds
    growth : growth of the process after the warm-up, in MiB
    failures : unexpected errors, inputs that took too long, too much memory
    """

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    growth: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A reader and its inputs: `make` returns the bytes of one input, `read` raises SoftregError or accepts them."""

    make: Callable[[Random], bytes]
    read: Callable[[bytes], object]


def fuzz(target: Target, numbers: Iterable[int]) -> FuzzResult:
    """Give the reader the inputs with these numbers."""
    result, numbers = FuzzResult(), iter(numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _feed(target, islice(numbers, WARM_UP), result)
        before = _resident()
        _feed(target, numbers, result)
    result.growth = _resident() - before
    if result.growth > MAX_GROWTH:
        result.failures.append(f"memory grew by {result.growth:.0f} MiB")
    return result


def _feed(target: Target, numbers: Iterable[int], result: FuzzResult) -> None:
    for number in numbers:
        content = target.make(Random(number))
        start = time.thread_time()
        try:
            target.read(content)
            result.accepted += 1
        except SoftregError as error:
            if "\n" in str(error):
                result.failures.append(f"input {number}: more than one line")
        except Exception as error:
            result.failures.append(f"input {number}: {type(error).__name__} {error}, {_where(error)}")
        seconds = time.thread_time() - start
        result.inputs += 1
        result.slowest = max(result.slowest, seconds)
        if seconds > MAX_SECONDS:
            result.failures.append(f"input {number}: {seconds:.1f} s")


def _resident() -> float:
    """Resident memory of this process in MiB, after glibc has returned what is freed but kept for later."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 2**20


def _where(error: Exception) -> str:
    """File and line of the innermost softreg frame of the traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "softreg" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
