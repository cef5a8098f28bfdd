"""Work shared between threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

Map = Callable[[Callable[[int], Any], range], Iterator[Any]]


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
        finally:
            torch.set_num_threads(before)  # it is per thread, but new threads inherit the value set last
