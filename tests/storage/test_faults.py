"""The system refuses, at every folder where it could: nothing lost, nothing torn, nothing left over, one line with the path.

Here calls are refused within Python; `make torture` has strace refuse them in the kernel, and makes full disks of tmpfs.
"""

import errno
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from softreg.errors import WriteError
from torture.bit_flips import flip_every_bit
from torture.environments import NOBODY
from torture.faults import SAVES, check_message, find_damage, prepared_folder, save_file, save_run

CALLS = ("os.fsync", "os.open", "io.open", "os.mkdir", "os.replace", "os.rename", "os.unlink", "os.rmdir")
Save = Callable[[Path], None]


def test_every_truncation_and_every_flipped_bit_of_a_model_file_is_refused() -> None:
    count = flip_every_bit()
    assert count.failures == []
    assert count.done > 9 * 6272  # nine damages a byte of the weights alone


def refusing(call: Callable[..., Any], number: int, code: int, met: list[int]) -> Callable[..., Any]:
    """`call`, which fails at its `number`-th time."""
    times = iter(range(1, 1 << 30))

    def refused(*arguments: Any, **more: Any) -> Any:
        if next(times) == number:
            met.append(number)
            raise OSError(code, os.strerror(code))
        return call(*arguments, **more)

    return refused


@pytest.mark.parametrize("exchanging", [True, False])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("save", SAVES)
def test_a_call_that_fails_at_any_time(save: Save, name: str, exchanging: bool, tmp_path: Path) -> None:
    module, function = name.split(".")
    original = getattr(__import__(module), function)
    met: list[int] = []
    number = 0
    while len(met) == number:  # until no call is left to refuse
        number += 1
        folder = prepared_folder(tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            if not exchanging:  # as where the file system cannot
                patch.setattr("softreg.storage.atomic._exchange", lambda *_: False)
            patch.setattr(name, refusing(original, number, (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)[number % 4], met))
            try:
                check_message(save, folder)
            except WriteError:
                assert met[-1] == number
        assert find_damage(folder) == ""


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("save", [save_file, save_run])
@pytest.mark.parametrize("size", [0, 1, 100, 4096, 6000])
def test_a_write_that_ends_half_way(save: Save, size: int, tmp_path: Path) -> None:
    folder = prepared_folder(tmp_path)
    with files_of_at_most(size), pytest.raises(WriteError, match="File too large"):
        check_message(save, folder)
    assert find_damage(folder) == ""
    check_message(save, folder)
    assert find_damage(folder) == ""


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Nobody, where we are root, whom no folder refuses."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("save", SAVES)
def test_a_folder_that_may_not_be_written(save: Save) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        folder = prepared_folder(scratch)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555)
        with ordinary_user(), pytest.raises(WriteError, match="Permission denied"):
            check_message(save, folder)
        assert find_damage(folder) == ""
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
