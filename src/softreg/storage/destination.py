"""Where a command may write a file: nobody's file is replaced unless they say so, and some things never are.

A symbolic link counts as a file: without `force` it is in the way, and with it the link is replaced, never what it points to.
"""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from softreg.errors import WriteError
from softreg.storage.atomic import check_name


def check_destination(
    path: Path, *, force: bool = False, inputs: Iterable[str | os.PathLike[str]] = (), new_folder: bool = False
) -> None:
    """Raise unless a file can be written to `path`; to be called before the work whose result it will hold.

    Parameters
    ----------
    force : whether a file that is there may be replaced
    inputs : files that are read for this work, which not even `force` replaces
    new_folder : whether the folder will be made if it is missing

    Raises
    ------
    WriteError
        If something is in the way, or the folder cannot be written.
    """
    check_name(path)
    try:
        found = os.lstat(path)
    except OSError:
        _check_folder(path, new_folder=new_folder)
        return
    mode = _mode(path, found)
    if stat.S_ISDIR(mode):
        raise WriteError("output.folder", path=path)
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise WriteError("output.not_a_file", path=path)
    if any(_is_same(found, name) for name in inputs):
        raise WriteError("output.input", path=path)
    if not force:
        raise WriteError("output.exists", path=path)


def _mode(path: Path, found: os.stat_result) -> int:
    """What kind of file it is or, of a link, what it points to; of a link to nowhere, that it is a link."""
    try:
        return path.stat().st_mode
    except OSError:
        return found.st_mode


def _is_same(found: os.stat_result, name: str | os.PathLike[str]) -> bool:
    """Whether replacing the file `found` would replace the input of this name."""
    try:
        return os.path.samestat(found, os.lstat(name)) or os.path.samestat(found, os.stat(name))  # noqa: PTH116 - of any name
    except (OSError, ValueError):  # "-", or a name of the catalogue
        return False


def _check_folder(path: Path, *, new_folder: bool) -> None:
    """Raise unless the folder of `path` can be written or, if it is new, be made."""
    folder = path.absolute().parent
    while new_folder and not os.path.lexists(folder):
        folder = folder.parent
    code = 0
    if not folder.is_dir():
        code = errno.ENOTDIR if os.path.lexists(folder) else errno.ENOENT
    elif not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EACCES
    if code:
        raise WriteError("runs.not_written", path=path, why=os.strerror(code))
