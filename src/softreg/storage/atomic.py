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
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from softreg.errors import WriteError

NO_DIRECTORY_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # of network and FUSE file systems
RENAME_EXCHANGE, AT_FDCWD = 2, -100  # linux/fs.h, fcntl.h


def write_bytes(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write `content` to `path` atomically, as `atomic_file` does."""
    with atomic_file(path, replace=replace) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` if the block succeeds: a reader sees the old file or the new one, never a part.

    A symbolic link at `path` is replaced, not what it points to. Without `replace`, a file that is there is left alone.

    Raises
    ------
    WriteError
        If the system refuses. The old file is untouched or, if only flushing the directory failed, the new one is there whole.
    """
    temporary = _temporary_path(path, "tmp")
    try:
        _remove_leftovers(path)
        with temporary.open("xb") as file:  # never through a link that a stranger has put there
            yield file
            file.flush()
            _fsync(file.fileno())
        temporary.replace(path) if replace else _move_to_free_name(temporary, path)
        _fsync_directory(path.parent)
    except OSError as error:
        raise WriteError("runs.not_written", path=path, why=error.strerror or error) from error
    finally:
        _remove(temporary)


def check_name(path: Path) -> None:
    """Raise a WriteError if the name is impossible, or too long for that of the temporary file: better now than after the work."""
    for name in (path, _temporary_path(path, "tmp")):
        try:
            os.lstat(name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:  # too long, or with a zero in it
            raise WriteError("runs.not_written", path=path, why=getattr(error, "strerror", None) or error) from error


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


def _move_to_free_name(new: Path, path: Path) -> None:
    """Move `new` to `path` unless something is there: a hard link refuses where a rename would replace."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        new.rename(path)


def _replace(new: Path, path: Path) -> None:
    """Move `new` to `path`, in one step where the system can exchange names; an old folder ends up at `new`, or is removed."""
    if not os.path.lexists(path):
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
    if sys.platform == "win32":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    failed = ctypes.get_errno()
    if failed in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):  # not supported by this kernel or file system
        return False
    raise OSError(failed, os.strerror(failed), str(other))


def _temporary_path(path: Path, kind: str) -> Path:
    """A hidden name beside `path` with the host and the process id in it."""
    if not path.name:
        raise WriteError("output.folder", path=path)
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
        if match[2] == "old" and not os.path.lexists(path):
            entry.rename(path)
        else:
            _remove(entry)


def _remove(path: Path) -> None:
    """Remove a file or a folder if it exists; tries twice, and then leaves it to the next write."""
    for _ in range(2):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    """Whether another process has this id. Our own does not count: its earlier writes have ended."""
    if pid == os.getpid():
        return False
    if sys.platform == "win32":  # where this signal would be Ctrl-C
        import psutil

        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; larger than any process id
        return True
    return True


def _fsync_file(path: Path) -> None:
    with path.open("rb+" if sys.platform == "win32" else "rb") as file:  # Windows flushes what is open for writing
        _fsync(file.fileno())


def _fsync(descriptor: int) -> None:
    """Flush a file to the disk; on macOS through the drive's own cache, where the file system can."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _fsync_directory(path: Path) -> None:
    """Flush a folder's names to the disk; where the system or the file system cannot, they are flushed when it likes."""
    if sys.platform == "win32":  # has no such call
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_DIRECTORY_FSYNC:
            raise
    finally:
        os.close(descriptor)
