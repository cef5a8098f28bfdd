"""Files and folders written whole or not at all.

New content goes to a temporary name in the same folder, is flushed to the disk and renamed into place. The temporary name holds the
host and the process id, so that the next write of the same name can remove what a process that died has left.
"""

import ctypes
import errno
import os
import platform
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from softreg.errors import WriteError

RENAME_EXCHANGE, AT_FDCWD = 2, -100  # linux/fs.h, fcntl.h


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically, as `atomic_file` does."""
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` if the block succeeds: a reader sees the old file or the new one, never a part.

    Raises
    ------
    WriteError
        If the system refuses. The old file is untouched or, if only flushing the directory failed, the new one is there whole.
    """
    temporary = _temporary_path(path, "tmp")
    try:
        _remove_leftovers(path)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        raise WriteError("runs.not_written", path=path, why=error.strerror or error) from error
    finally:
        _remove(temporary)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` if the block succeeds and is removed if it fails.

    Raises
    ------
    WriteError
        If the system refuses a write, here or inside the block.
    """
    temporary = _temporary_path(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary.mkdir()
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _fsync_file(Path(folder, name))
            _fsync_directory(Path(folder))
        _replace(temporary, path)
        _fsync_directory(path.parent)
    except OSError as error:
        raise _write_error(error.filename or path, error.strerror or error, temporary, path) from error
    except WriteError as error:
        raise _write_error(error.params["path"], error.params["why"], temporary, path) from error
    finally:
        _remove(temporary)


def _write_error(where: object, why: object, temporary: Path, path: Path) -> WriteError:
    """The error of a path inside `temporary`, with the final path in its place."""
    return WriteError("runs.not_written", path=str(where).replace(str(temporary), str(path)), why=why)


@contextmanager
def reraise_as_write_error(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a WriteError that names `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError("runs.not_written", path=path, why=error.strerror or error) from error


def _replace(new: Path, path: Path) -> None:
    """Move `new` to `path`, in one step where the system can exchange names; an old folder ends up at `new`, or is removed."""
    if not path.exists():
        new.rename(path)
    elif not _exchange(new, path):
        old = _temporary_path(path, "old")
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise
        _remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2 on Linux); False where that is not supported."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    failed = ctypes.get_errno()
    if failed in (errno.ENOSYS, errno.EINVAL):  # not supported by this kernel or file system
        return False
    raise OSError(failed, os.strerror(failed), str(other))


def _temporary_path(path: Path, kind: str) -> Path:
    """A hidden name beside `path` with the host and the process id in it."""
    return path.with_name(f".{path.name}.{_host_id()}-{os.getpid()}.{kind}")


def _host_id() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _remove_leftovers(path: Path) -> None:
    """Remove temporaries beside `path` of processes that no longer run on this host, and of our own failed writes.

    An old folder that was moved aside and never replaced is moved back.
    """
    leftover = re.compile(rf"\.{re.escape(path.name)}\.{_host_id()}-(\d+)\.(tmp|old)")
    for entry in path.parent.iterdir():
        match = leftover.fullmatch(entry.name)
        if match is None or _is_running(int(match[1])):
            continue
        if match[2] == "old" and not path.exists():
            entry.rename(path)
        else:
            _remove(entry)


def _remove(path: Path) -> None:
    """Remove a file or a folder if it exists; tries twice, and then leaves it to the next write."""
    for _ in range(2):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    """Whether another process has this id. Our own does not count: its earlier writes have ended."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; larger than any process id
        return True
    return True


def _fsync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
