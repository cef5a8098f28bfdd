"""Work done in a child process that is killed, or whose system calls fail, at a chosen moment.

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
    called : number of watched system calls it made
    injected : whether it got as far as the fault
    """

    code: int
    error: str = ""
    called: int = 0
    injected: bool = False


def forked(
    work: Callable[[], object], *, scratch: Path, inject: str = "", calls: str = "", kill_after: float | None = None
) -> Outcome:
    """Do `work` in a child; the error and the trace are written into the folder `scratch`.

    Parameters
    ----------
    inject : what becomes of the watched calls, in strace's syntax: `error=ENOSPC:when=3`, `signal=KILL:when=3`
    calls : the system calls to watch, in strace's syntax: `write,fsync`
    kill_after : send SIGKILL after this many seconds
    """
    error, trace = scratch / "error", scratch / "trace"
    for path in (error, trace):
        path.unlink(missing_ok=True)
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
    """Run in the child; never returns."""
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
    """Attach strace to the stopped child, then let the child continue."""
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
    """The child's exit code; kills it after `kill_after` seconds.

    Raises
    ------
    TimeoutError
        If a child that was not to be killed runs for longer than DEADLINE.
    """
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
