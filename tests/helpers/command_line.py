"""softreg run as a user types it, in a process of its own or in this one."""

import os
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from contextvars import copy_context
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import pytest

from softreg.cli import main


def run_softreg(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Exit code, stdout and stderr of a new process, without the SOFTREG_ variables and the locale of this one."""
    return subprocess.run(
        [sys.executable, "-m", "softreg", *map(str, arguments)],
        cwd=cwd,
        env=_environment(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def call_softreg(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `run_softreg` gives, from within this process, which has imported torch already."""
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        patch.dict(os.environ, _environment(environment), clear=True),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")  # pytest makes errors of them
        code = exit_code(*arguments)
    texts = [stream.detach().getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess([*map(str, arguments)], code, *texts)


def _environment(changed: dict[str, str]) -> dict[str, str]:
    """This process's, without its SOFTREG_ variables and its locale, and changed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SOFTREG_", "LC_", "LANG"))}
    return clean | {"LANG": "C.UTF-8"} | changed


def exit_code(*arguments: object) -> int:
    """Run softreg in this process; the code it exits with."""
    with pytest.raises(SystemExit) as ended:
        copy_context().run(main, [str(argument) for argument in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code
