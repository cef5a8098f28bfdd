"""Work shared between threads, and its priority; and none that waits, after a fork, for threads that only the parent has."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import torch

if hasattr(os, "register_at_fork"):  # not on Windows. OpenMP's threads do not survive a fork: a child that shared work would hang
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))

NICENESS = 5  # a third of the processor that others get
Map = Callable[[Callable[[int], Any], range], Iterator[Any]]


def lower_priority() -> None:
    """Have the system run other threads before the calling one and those it starts; only Linux has priorities of threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # some sandboxes forbid it
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)


@contextmanager
def thread_map(device: torch.device, tasks: int) -> Iterator[Map]:
    """Yield a parallel `map`: as many threads as torch uses, each of which runs torch single-threaded."""
    threads = min(torch.get_num_threads(), tasks) if device.type == "cpu" else 1
    if threads <= 1:  # 0: nothing to do
        yield map
        return
    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what has not begun
            raise
        finally:
            torch.set_num_threads(before)  # it is per thread, but new threads inherit the value set last
