"""softreg under limits of the system: open files, file sizes, address space, processes, processor time.

A command ends with its result, or with one line that calls nothing a bug, or is killed by the system. Whatever it was: the old
file is whole, and the same command without the limit then succeeds in the same folder and leaves nothing else there.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from torture.count import Count
from torture.environments import make_run

MIB = 2**20
LIMITS = {
    "open files": (resource.RLIMIT_NOFILE, (6, 8, 10, 12, 14, 16, 20, 24)),
    "file size": (resource.RLIMIT_FSIZE, (0, 100, 1000, 10_000, 31_000, 100_000)),
    "address space": (resource.RLIMIT_AS, (200 * MIB, 500 * MIB, 1000 * MIB, 2000 * MIB, 3000 * MIB, 4000 * MIB)),
    "processes": (resource.RLIMIT_NPROC, (1,)),
    "processor seconds": (resource.RLIMIT_CPU, (1, 2, 3, 4)),
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
    for kind, (number, bounds) in LIMITS.items():
        for bound in bounds:
            for verb, arguments in commands.items():
                out = scratch / f"{verb} {kind} {bound}"
                out.mkdir()
                (out / "file").write_bytes(b"old")
                code, complaint = _run_under(number, bound, arguments(out), out)
                count.done += 1
                killed += code in KILLED
                if complaint:
                    count.failures.append(f"{verb} with {kind} limited to {bound:,}: {complaint}")
    count.details["killed by the system"] = killed
    return count


def _run_under(limit: int, bound: int, arguments: list[str], out: Path) -> tuple[int, str]:
    """Run softreg limited, then unlimited; the limited one's exit code, and what went wrong, empty if nothing."""
    ended = _softreg(arguments, lambda: resource.setrlimit(limit, (bound, bound)))
    code, lines = ended.returncode, ended.stderr.splitlines()
    if code not in {0, 1} | KILLED:
        return code, f"exit {code}: {ended.stderr}"
    if code == 1 and (len(lines) != 1 or "bug" in lines[0]):
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
