"""One process holds a lock, also where the file system knows no locks."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from softreg.storage.locking import UNSUPPORTED, acquire_lock, locked

HOLD = """
import fcntl, os, sys
from pathlib import Path
from softreg.storage.locking import acquire_lock
def refused(*_):
    raise OSError(int(sys.argv[2]), os.strerror(int(sys.argv[2])))
if int(sys.argv[2]):
    fcntl.flock = refused
lock = acquire_lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("failing", [0, errno.ENOLCK])
def test_another_process_is_kept_out_until_it_ends(failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if failing:
        monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(failing, "no locks")))
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock"), str(failing)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Timeout):
            acquire_lock(tmp_path / "lock", timeout=0)
        holder.kill()  # without a chance to release it
        holder.wait()
    acquire_lock(tmp_path / "lock", timeout=0).release()


@pytest.mark.parametrize("code", sorted(UNSUPPORTED))
def test_a_file_system_without_locks(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(code, "no locks")))
    with locked(tmp_path / "lock"), pytest.raises(Timeout):
        acquire_lock(tmp_path / "lock", timeout=0)
    acquire_lock(tmp_path / "lock", timeout=0).release()


def test_other_errors_are_raised(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        acquire_lock(tmp_path / "file" / "lock")
