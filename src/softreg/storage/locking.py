"""A lock that another process of any user respects, on whatever file system it is."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}


def acquire_lock(path: Path, timeout: float = -1) -> BaseFileLock:
    """The lock at `path`, held until its `release`; waits for it up to `timeout` seconds, by default for ever.

    Where the file system has no locks (some network and FUSE file systems), the lock is a file that names its owner: one that a
    killed process of this machine has left is taken over.

    Raises
    ------
    Timeout
        If another process holds it.
    OSError
        If the file cannot be made.
    """
    lock: BaseFileLock = FileLock(path, timeout=timeout, fallback_to_soft=False)  # which would warn
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        lock = SoftFileLock(path.with_name(f"{path.name}.owner"), timeout=timeout)
        lock.acquire()
        path.unlink(missing_ok=True)
    return lock


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path` for the duration of a block."""
    lock = acquire_lock(path)
    try:
        yield
    finally:
        lock.release()
