"""Work shared between threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

Map = Callable[[Callable[[int], Any], range], Iterator[Any]]


@contextmanager
def thread_map(device: torch.device, tasks: int) -> Iterator[Map]:
    """`map`, on as many threads as torch uses, each of which computes alone."""
    threads = min(torch.get_num_threads(), tasks) if device.type == "cpu" else 1
    if threads == 1:
        yield map
        return
    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool.map
        finally:
            torch.set_num_threads(before)  # the number is a thread's own, but new threads begin with the last one set
