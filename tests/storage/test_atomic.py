"""Whole or not at all."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from softreg.errors import WriteError
from softreg.storage import atomic
from softreg.storage.atomic import atomic_directory, write_bytes


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(pid: int, path: Path, kind: str) -> Path:
    """The temporary name another process of this machine would have used."""
    return path.with_name(atomic._temporary_path(path, kind).name.replace(str(os.getpid()), str(pid)))


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "a", b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(WriteError, match=f"{tmp_path / 'a'}.*No space left"):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_the_root_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(WriteError), atomic_directory(Path(tmp_path.root)):
        pass


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "deep" / "run") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "deep" / "run").exists()
    assert names(tmp_path / "deep") == ["run"]
    assert names(tmp_path / "deep" / "run") == ["a"]


def _fail_within(path: Path, error: type[BaseException]) -> None:
    with atomic_directory(path) as folder:
        (folder / "a").write_text("new")
        raise error


@pytest.mark.parametrize(("raised", "seen"), [(OSError, WriteError), (KeyboardInterrupt, KeyboardInterrupt)])
def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path, raised: type[BaseException], seen: type[BaseException]) -> None:
    with atomic_directory(tmp_path / "run") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(seen):
        _fail_within(tmp_path / "run", raised)
    assert (tmp_path / "run" / "a").read_text() == "old"
    assert names(tmp_path) == ["run"]


def test_an_error_within_names_the_file_by_its_final_name(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=str(tmp_path / "run" / "none" / "a")), atomic_directory(tmp_path / "run") as folder:
        (folder / "none" / "a").write_text("new")


def test_a_write_within_names_the_file_by_its_final_name(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "none").write_text("no folder")
        write_bytes(folder / "none" / "a", b"new")

    with pytest.raises(WriteError, match=str(tmp_path / "run" / "none" / "a")), atomic_directory(tmp_path / "run") as folder:
        write(folder)


@pytest.mark.parametrize("exchanging", [True, False])
def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanging: bool) -> None:
    if not exchanging:  # as where the file system cannot
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    for text in ("old", "new"):
        with atomic_directory(tmp_path / "run") as folder:
            (folder / text).write_text(text)
    assert names(tmp_path / "run") == ["new"]
    assert names(tmp_path) == ["run"]


def test_a_replacement_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with atomic_directory(tmp_path / "run") as folder:
        (folder / "a").write_text("old")
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    rename = Path.rename

    def failing(old: Path, new: Path) -> Path:
        if old.suffix == ".tmp":
            raise OSError(5, "Input/output error")
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(WriteError), atomic_directory(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "a").read_text() == "old"
    assert names(tmp_path) == ["run"]


def test_the_system_refusing_an_exchange_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        atomic._exchange(tmp_path, tmp_path / "none")


@pytest.mark.parametrize("failed", [errno.ENOSYS, errno.EINVAL, None])
def test_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: int | None) -> None:
    library = SimpleNamespace() if failed is None else SimpleNamespace(renameat2=lambda *_: -1)
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: library)
    monkeypatch.setattr("ctypes.get_errno", lambda: failed)
    for text in ("old", "new"):
        with atomic_directory(tmp_path / "run") as folder:
            (folder / text).write_text(text)
    assert names(tmp_path / "run") == ["new"]
    assert names(tmp_path) == ["run"]


def test_whose_process_it_is() -> None:
    assert atomic._is_running(os.getppid())
    assert not atomic._is_running(dead_pid())
    assert not atomic._is_running(os.getpid())  # our own saves are over
    assert atomic._is_running(10**30)  # no process of ours to clear away after


def test_somebody_elses_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.kill", refused)
    assert atomic._is_running(1)


def test_what_dead_processes_left_is_cleared(tmp_path: Path) -> None:
    path, dead = tmp_path / "run", dead_pid()
    left_by(dead, path, "tmp").mkdir()
    (left_by(dead, path, "tmp") / "half").write_text("of it")
    left_by(dead_pid(), path, "tmp").write_text("half a file")
    alive = left_by(os.getppid(), path, "tmp")
    alive.write_text("being written")
    elsewhere = tmp_path / f".run.00000000-{dead}.tmp"
    elsewhere.write_text("by another machine")
    write_bytes(path, b"new")
    assert names(tmp_path) == sorted([alive.name, elsewhere.name, "run"])


def test_a_folder_set_aside_by_a_dead_process_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "run"
    aside = left_by(dead_pid(), path, "old")
    aside.mkdir()
    (aside / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_directory(path):
        raise KeyboardInterrupt
    assert (path / "a").read_text() == "old"
    assert names(tmp_path) == ["run"]


def test_a_folder_set_aside_goes_once_its_successor_is_there(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    left_by(dead_pid(), path, "old").mkdir()
    with atomic_directory(path):
        pass
    assert names(tmp_path) == ["run"]


def test_what_could_not_be_removed_is_no_obstacle_to_the_next_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            _fail_within(tmp_path / "run", KeyboardInterrupt)
    assert len(names(tmp_path)) == 1
    with atomic_directory(tmp_path / "run"):
        pass
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("code", sorted(atomic.NO_DIRECTORY_FSYNC))
def test_a_file_system_that_cannot_flush_folders(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - of a descriptor
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", refuse_folders)
    write_bytes(tmp_path / "a", b"new")
    with atomic_directory(tmp_path / "run") as folder:
        (folder / "a").write_text("1")
    assert names(tmp_path) == ["a", "run"]


def test_macos_flushes_the_drive_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("fcntl.F_FULLFSYNC", 51, raising=False)
    called: list[int] = []
    monkeypatch.setattr("fcntl.fcntl", lambda _, command: called.append(command))
    write_bytes(tmp_path / "a", b"new")
    assert called == [51]
    monkeypatch.setattr("fcntl.fcntl", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOTSUP, "not here")))
    write_bytes(tmp_path / "a", b"newer")
    assert (tmp_path / "a").read_bytes() == b"newer"


def test_windows_has_no_folders_to_flush_and_no_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr("ctypes.CDLL", None)
    left_by(dead_pid(), tmp_path / "run", "tmp").mkdir()
    left_by(os.getppid(), tmp_path / "other", "tmp").mkdir()
    for text in ("old", "new"):
        with atomic_directory(tmp_path / "run") as folder:
            (folder / text).write_text(text)
    assert names(tmp_path / "run") == ["new"]
    write_bytes(tmp_path / "other", b"new")
    assert len(names(tmp_path)) == 3  # what a process that runs is writing stays


@pytest.mark.parametrize("write", [write_bytes, lambda path, content: atomic_directory(path).__enter__()])
def test_a_planted_temporary_name_is_never_followed(write: Callable[[Path, bytes], object], tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"somebody's")
    planted = left_by(os.getppid(), tmp_path / "a", "tmp")  # of a process that runs
    ours = atomic._temporary_path(tmp_path / "a", "tmp")
    for link in (planted, ours):
        link.symlink_to(precious)
    write(tmp_path / "a", b"new")
    assert precious.read_bytes() == b"somebody's"


def test_without_replace_nothing_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "a", b"new", replace=False)
    for links in (True, False):
        if not links:
            monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no hard links")))
            write_bytes(tmp_path / "b", b"new", replace=False)
        with pytest.raises(WriteError, match="File exists"):
            write_bytes(tmp_path / "a", b"newer", replace=False)
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [b"new", b"new"]
