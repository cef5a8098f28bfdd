"""Work done in a child that is killed, or whose system calls fail, when we say so.

The parent imports what the work needs and computes nothing (GNU OpenMP's threads do not survive a fork); every trial is a fork of
it, which costs milliseconds where a new interpreter with torch costs seconds. Linux only; failing system calls need strace.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FAILED, DEADLINE = 1, 60.0  # exit code of work that raised; seconds after which a child hangs


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Attributes
    ----------
    code : its exit code, or minus the signal that ended it
    error : type and text of what the work raised
    called : how many of the watched system calls it made
    injected : whether the fault was met
    """

    code: int
    error: str = ""
    called: int = 0
    injected: bool = False


def forked(
    work: Callable[[], object], *, scratch: Path, inject: str = "", calls: str = "", kill_after: float | None = None
) -> Outcome:
    """Do `work` in a child; notes are kept in the folder `scratch`.

    Parameters
    ----------
    inject : what becomes of the watched calls, in strace's words: `error=ENOSPC:when=3`, `signal=KILL:when=3`
    calls : the system calls to watch, in strace's words: `write,fsync`
    kill_after : SIGKILL after so many seconds
    """
    error, trace = scratch / "error", scratch / "trace"
    for each in (error, trace):
        each.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _child(work, error, stopped=bool(calls))
    tracer = _attach(pid, inject, calls, trace) if calls else None
    code = _wait(pid, kill_after)
    if tracer:
        tracer.wait(DEADLINE)
    lines = trace.read_text().splitlines() if calls else []
    return Outcome(
        code=code,
        error=error.read_text() if error.exists() else "",
        called=sum("= " in line or "resumed" in line for line in lines),
        injected=any("INJECTED" in line for line in lines) or code == -signal.SIGKILL,
    )


def _child(work: Callable[[], object], error: Path, *, stopped: bool) -> None:
    """The child's whole life; never returns."""
    descriptor = os.open(error, os.O_WRONLY | os.O_CREAT)  # before the faults begin
    if stopped:
        os.kill(os.getpid(), signal.SIGSTOP)
    code = 0
    try:
        work()
    except BaseException as raised:
        os.pwrite(descriptor, f"{type(raised).__name__}: {raised}".encode(), 0)  # another call than the watched `write`
        code = FAILED
    os._exit(code)


def _attach(pid: int, inject: str, calls: str, trace: Path) -> "subprocess.Popen[bytes]":
    """strace on the stopped child, which is let go on once strace holds it."""
    os.waitpid(pid, os.WUNTRACED)
    options = ["-e", f"inject={calls}:{inject}"] if inject else []
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={calls}", "-e", "signal=none", *options, "-p", str(pid)]
    tracer = subprocess.Popen(command)
    status = Path(f"/proc/{pid}/status")
    while "TracerPid:\t0\n" in status.read_text():
        time.sleep(0.002)
    os.kill(pid, signal.SIGCONT)
    return tracer


def _wait(pid: int, kill_after: float | None) -> int:
    """The child's exit code; it is killed when its time has come, and a child that hangs is an error."""
    end = time.monotonic() + (DEADLINE if kill_after is None else kill_after)
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if kill_after is None:
        raise TimeoutError(f"process {pid} hung for {DEADLINE} s")
    return os.waitstatus_to_exitcode(status)
