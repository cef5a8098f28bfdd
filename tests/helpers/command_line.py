"""softreg run as a user types it, in a process of its own or in this one."""

import os
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import pytest

from softreg.cli import main


def run_softreg(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Exit code, stdout and stderr of a new process, without the SOFTREG_ variables and the locale of this one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SOFTREG_", "LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "softreg", *map(str, arguments)],
        cwd=cwd,
        env=clean | {"LANG": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def exit_code(*arguments: object) -> int:
    """Run softreg in this process; the code it exits with."""
    with pytest.raises(SystemExit) as ended:
        copy_context().run(main, [str(argument) for argument in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code
