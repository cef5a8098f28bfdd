"""Control groups of Linux: a bound on the memory, or on the number of processes and threads, of a command and all it starts."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
FIRST_VERSION = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}  # the file of the bound, by controller
SECOND_VERSION = {"memory": "memory.max", "pids": "pids.max"}


@contextmanager
def control_group(controller: str, bound: int) -> Iterator[Callable[[], None]]:
    """Yield what a child calls before it runs a command: it enters a new group, which is removed afterwards.

    Raises
    ------
    OSError
        If this process may make no groups.
    """
    is_first = (ROOT / controller).is_dir()
    group = (ROOT / controller if is_first else ROOT) / f"softreg-{os.getpid()}"
    group.mkdir()
    try:
        (group / (FIRST_VERSION if is_first else SECOND_VERSION)[controller]).write_text(str(bound))
        yield lambda: _enter(group)
    finally:
        _remove(group)


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text("0")  # whoever writes it


def _remove(group: Path) -> None:
    """Remove a group once the last of its processes is gone, which may take a moment after it was killed."""
    end = time.monotonic() + 10
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
