"""A map over threads: results in order, one torch thread each, and torch's own number of threads left alone."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from softreg.compute.threads import NICENESS, lower_priority, thread_map

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_from_threads_that_each_run_torch_alone() -> None:
    barrier = threading.Barrier(3, timeout=30)  # passed only by three at once

    def work(number: int) -> tuple[int, int]:
        if number < 3:
            barrier.wait()
        return number, torch.get_num_threads()

    with thread_map(CPU, 20) as parallel_map:
        results = list(parallel_map(work, range(20)))
    assert results == [(number, 1) for number in range(20)]
    assert torch.get_num_threads() == 3


def test_an_error_in_a_thread_is_raised_and_the_number_of_threads_restored() -> None:
    def fail(number: int) -> None:
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError, match="0"), thread_map(CPU, 5) as parallel_map:
        list(parallel_map(fail, range(5)))
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("device", "tasks"), [(CPU, 1), (torch.device("cuda"), 9)])
def test_one_task_or_another_device_needs_no_threads(device: torch.device, tasks: int) -> None:
    with thread_map(device, tasks) as parallel_map:
        names = set(parallel_map(lambda _: threading.current_thread().name, range(tasks)))
    assert names == {threading.current_thread().name}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_thread_and_those_it_starts_step_back() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def step_back() -> list[int]:
        lower_priority()
        with thread_map(CPU, 3) as parallel_map:
            return [niceness(), *parallel_map(lambda _: niceness(), range(3))]

    usual = niceness()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(step_back).result() == [usual + NICENESS] * 4
    assert niceness() == usual


def test_what_has_not_begun_when_the_block_fails_is_not_done() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return number

    def fail(numbers: Iterator[int]) -> None:
        for _ in numbers:
            raise KeyError

    with pytest.raises(KeyError), thread_map(CPU, 100_000) as parallel_map:
        fail(parallel_map(work, range(100_000)))
    assert len(done) < 100_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")
@pytest.mark.parametrize(
    "work",
    [
        "softreg.load('handwriting').predict_proba(images)",
        "softreg.train(softreg.Recipe(epochs=1), f'run{os.getpid()}', data=(images, labels), figures=False)",
    ],
)
def test_a_forked_child_computes_after_its_parent_has(work: str, tmp_path: Path) -> None:
    code = f"""
import os, sys, numpy, softreg
images = numpy.zeros((600, 28, 28), numpy.uint8)
images[:, 5:20, 12:15] = 255
images[::2] = images[::2].transpose(0, 2, 1)
labels = numpy.arange(600) % 2
{work}
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
{work}
os._exit(0)
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, env=environment, timeout=120, check=True)
