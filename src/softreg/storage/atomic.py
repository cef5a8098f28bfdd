"""Files and folders written whole or not at all.

New content goes to a temporary name in the same folder, is flushed to the disk, and takes its place by one rename. The temporary
name tells which process of which machine is writing; what a dead one left is cleared away by the next write of the same name.
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

from softreg.errors import WriteError

EXCHANGE, HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD, linux/fs.h and fcntl.h


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`: whoever looks sees the old file or the new one, never a part.

    Raises
    ------
    WriteError
        If the system refuses; what was there before is still there, or, if the very last step failed, the whole new file.
    """
    temporary = _beside(path, "tmp")
    try:
        _clear_away(path)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise WriteError("runs.not_written", path=path, why=error.strerror or error) from error
    finally:
        _remove(temporary)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends well, in the place of any folder there, and else vanishes.

    Raises
    ------
    WriteError
        If the system refuses a write, here or within the block.
    """
    temporary = _beside(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_away(path)
        temporary.mkdir()
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync_file(Path(folder, name))
            _sync_folder(Path(folder))
        _take_place(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refused(error.filename or path, error.strerror or error, temporary, path) from error
    except WriteError as error:
        raise _refused(error.params["path"], error.params["why"], temporary, path) from error
    finally:
        _remove(temporary)


def _refused(where: object, why: object, temporary: Path, path: Path) -> WriteError:
    """What went wrong within `temporary`, told of the place it was to have at `path`."""
    return WriteError("runs.not_written", path=str(where).replace(str(temporary), str(path)), why=why)


@contextmanager
def reraise_as_write_error(path: Path) -> Iterator[None]:
    """What the system refuses in this block is a WriteError that names `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError("runs.not_written", path=path, why=error.strerror or error) from error


def _take_place(new: Path, path: Path) -> None:
    """`new` becomes `path`, at once where the system can exchange names; a folder that was there is then at `new`, or gone."""
    if not path.exists():
        new.rename(path)
    elif not _exchange(new, path):
        old = _beside(path, "old")
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise
        _remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2, Linux); False where that is not to be had."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return True
    failed = ctypes.get_errno()
    if failed in (errno.ENOSYS, errno.EINVAL):  # a kernel or a file system that cannot
        return False
    raise OSError(failed, os.strerror(failed), str(other))


def _beside(path: Path, kind: str) -> Path:
    """A hidden name beside `path` that says whose it is."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.{kind}")


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _clear_away(path: Path) -> None:
    """Remove what dead processes of this machine, and our own failed saves, left beside `path`.

    A folder set aside whose successor never came is put back.
    """
    left = re.compile(rf"\.{re.escape(path.name)}\.{_machine()}-(\d+)\.(tmp|old)")
    for each in path.parent.iterdir():
        found = left.fullmatch(each.name)
        if found is None or _alive(int(found[1])):
            continue
        if found[2] == "old" and not path.exists():
            each.rename(path)
        else:
            _remove(each)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; a system that refuses is asked once more, then it stays for a later write."""
    for _ in range(2):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    """Whether another process has this number; our own saves are over when they end, well or not."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # somebody else's; no process has such a number
        return True
    return True


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
