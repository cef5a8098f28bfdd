"""softreg under limits of the system: open files, file sizes, memory, processes, processor time; by ulimit and by control groups.

A command ends with its result, or with one line that calls nothing a bug (softreg's or libgomp's), or is killed by the system.
Whatever it was: the old file is whole, and the same command without the limit then succeeds in the same folder and leaves nothing
else there.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from torture.control_groups import control_group
from torture.count import Count
from torture.environments import make_run

MIB = 2**20
Limited = AbstractContextManager[Callable[[], None]]  # what a child calls before it runs softreg


def _ulimit(number: int, bound: int) -> Limited:
    return nullcontext(partial(resource.setrlimit, number, (bound, bound)))


LIMITS: dict[str, tuple[Callable[[int], Limited], tuple[int, ...]]] = {
    "open files": (partial(_ulimit, resource.RLIMIT_NOFILE), (6, 8, 10, 12, 14, 16, 20, 24)),
    "file size": (partial(_ulimit, resource.RLIMIT_FSIZE), (0, 100, 1000, 10_000, 31_000, 100_000)),
    "address space": (
        partial(_ulimit, resource.RLIMIT_AS),
        (200 * MIB, 500 * MIB, 1000 * MIB, 2000 * MIB, 3000 * MIB, 4000 * MIB),
    ),
    "processor seconds": (partial(_ulimit, resource.RLIMIT_CPU), (1, 2, 3, 4)),
    "memory of the group": (partial(control_group, "memory"), (50 * MIB, 150 * MIB, 250 * MIB, 400 * MIB, 600 * MIB)),
    "threads of the group": (partial(control_group, "pids"), (1, 2, 3, 4, 8)),
}
KILLED = {
    -signal.SIGKILL,
    -signal.SIGXCPU,
    -signal.SIGXFSZ,
    -signal.SIGABRT,
    -signal.SIGSEGV,
}  # by the kernel, or C++ without memory


def run_limited(scratch: Path) -> Count:
    """Export and train under every limit."""
    count = Count()
    run = make_run(scratch)
    commands: dict[str, Callable[[Path], list[str]]] = {
        "export": lambda out: ["export", str(run), "--format", "json", "--out", str(out / "file"), "--force"],
        "train": lambda out: ["train", "--epochs", "1", "--out", str(out / "run")],
    }
    killed = 0
    for kind, (limit, bounds) in LIMITS.items():
        for bound in bounds:
            for verb, arguments in commands.items():
                out = scratch / f"{verb} {kind} {bound}"
                out.mkdir()
                (out / "file").write_bytes(b"old")
                with limit(bound) as enter:
                    code, complaint = _run_under(enter, arguments(out), out)
                count.done += 1
                killed += code in KILLED
                if complaint:
                    count.failures.append(f"{verb} with {kind} limited to {bound:,}: {complaint}")
    count.details["killed by the system"] = killed
    return count


def _run_under(enter: Callable[[], None], arguments: list[str], out: Path) -> tuple[int, str]:
    """Run softreg limited, then unlimited; the limited one's exit code, and what went wrong, empty if nothing."""
    ended = _softreg(arguments, enter)
    code, lines = ended.returncode, [line for line in ended.stderr.splitlines() if line and not line.startswith("OpenBLAS")]
    if code not in {0, 1} | KILLED:
        return code, f"exit {code}: {ended.stderr}"
    if code == 1 and (len(lines) != 1 or "bug" in lines[0]):  # libgomp ends the process itself, with a line of its own
        return code, f"not one proper line: {ended.stderr}"
    if code != 0 and (out / "file").read_bytes() != b"old":
        return code, "the old file is gone"
    if code == 0 and arguments[0] == "train":
        return code, ""
    again = _softreg([*dict.fromkeys([*arguments, "--force"])], lambda: None)  # instead of what is unfinished
    names, expected = {path.name for path in out.iterdir()}, {"file"} | ({"run"} if arguments[0] == "train" else set())
    return code, "" if again.returncode == 0 and names == expected else f"afterwards {names}: {again.stderr}"


def _softreg(arguments: list[str], prepare: Callable[[], None]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "softreg", *arguments],
        env=os.environ | {"SOFTREG_LANG": "en"},
        preexec_fn=prepare,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
