"""Readers fed with damaged files: each is read, or refused with an error of softreg's own; soon, and in the memory there is."""

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

SLOW = 2.0  # seconds of this thread's time
MOST_GROWTH = 64.0  # MiB
WARM_UP = 500  # inputs, after which memory should not grow any more


@dataclass
class Fuzzed:
    """What came of it.

    Attributes
    ----------
    inputs : how many were read
    accepted : how many of them without a complaint
    slowest : the longest time one took, in seconds
    grown : by how many MiB more the process holds than it did when warm
    bad : what must not be: other errors, inputs that took too long, too much memory
    """

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    grown: float = 0.0
    bad: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A reader, and what to feed it: `make` gives the bytes for a number, `read` raises SoftregError or is content."""

    make: Callable[[Random], bytes]
    read: Callable[[bytes], object]


def fuzz(target: Target, numbers: Iterable[int]) -> Fuzzed:
    """Read the inputs with these numbers."""
    result, numbers = Fuzzed(), iter(numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _feed(target, islice(numbers, WARM_UP), result)
        before = _resident()
        _feed(target, numbers, result)
    result.grown = _resident() - before
    if result.grown > MOST_GROWTH:
        result.bad.append(f"memory grew by {result.grown:.0f} MiB")
    return result


def _feed(target: Target, numbers: Iterable[int], result: Fuzzed) -> None:
    for number in numbers:
        raw = target.make(Random(number))
        began = time.thread_time()
        try:
            target.read(raw)
            result.accepted += 1
        except SoftregError as error:
            if "\n" in str(error):
                result.bad.append(f"input {number}: more lines than one")
        except Exception as error:
            result.bad.append(f"input {number}: {type(error).__name__} {error}, {_where(error)}")
        seconds = time.thread_time() - began
        result.inputs += 1
        result.slowest = max(result.slowest, seconds)
        if seconds > SLOW:
            result.bad.append(f"input {number}: {seconds:.1f} s")


def _resident() -> float:
    """What this process holds, in MiB, when it has given back what it holds no more: glibc keeps freed memory for later."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 2**20


def _where(error: Exception) -> str:
    """The last line of softreg's own that the error came through."""
    ours = [each for each in traceback.extract_tb(error.__traceback__) if "softreg" in each.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
