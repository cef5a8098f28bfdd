"""What stands where a command wants to write: replaced only on demand, some things never, and links as links."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from softreg.errors import WriteError
from softreg.runs.run import Run
from softreg.storage.destination import check_destination
from tests.helpers.command_line import exit_code


def link_to(make: Callable[[Path], object] | None) -> Callable[[Path], object]:
    """A symbolic link to what `make` makes, or to nothing."""

    def link(path: Path) -> None:
        target = path.with_name("target")
        if make is not None:
            make(target)
        path.symlink_to(target)

    return link


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{folder}/{path.name}")  # a socket's address is short
        os.close(folder)


def write(path: Path) -> None:
    path.write_bytes(b"somebody's")


IN_THE_WAY: dict[str, tuple[Callable[[Path], object], str, bool]] = {  # made how, refused how, whether --force helps
    "file": (write, "exists", True),
    "folder": (Path.mkdir, "folder", False),
    "pipe": (os.mkfifo, "not_a_file", False),
    "socket": (listening, "not_a_file", False),
    "device": (lambda path: path.symlink_to("/dev/null"), "not_a_file", False),
    "link to a file": (link_to(write), "exists", True),
    "link to a folder": (link_to(Path.mkdir), "folder", False),
    "link to a pipe": (link_to(os.mkfifo), "not_a_file", False),
    "link to nowhere": (link_to(None), "exists", True),
    "link to itself": (lambda path: path.symlink_to(path), "exists", True),
}
PICTURE = Path(__file__).parent.parent.parent / "docs" / "images" / "photo.jpg"
NAMES = ("out.png", "out.csv", "out.npz", "out.json", "out.ipynb", "photo-steps.png", "typical-images.png")
COMMANDS = {
    "explain": ["explain", str(PICTURE), "--out", "out.png"],
    "explain run": ["explain", "run", "--out", "."],
    "predict steps": ["predict", str(PICTURE), "--steps", "."],
    "predict csv": ["predict", "--dataset", "mnist", "--csv", "out.csv"],
    "data": ["data", "mnist", "--out", "out.png"],
    "convert": ["data", "convert", "mnist", "out.npz"],
    "export": ["export", "run", "--format", "json", "--out", "out.json"],
    "lab": ["lab", "--notebook", "out.ipynb"],
}


def seen(folder: Path) -> dict[str, tuple[object, ...]]:
    """What is in a folder: of each entry its inode, kind, link and content."""
    entries: dict[str, tuple[object, ...]] = {}
    for path in folder.iterdir():
        found = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        entries[path.name] = (found.st_ino, found.st_mode, path.readlink() if path.is_symlink() else None, content)
    return entries


@pytest.mark.parametrize(("make", "key", "replaceable"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_is_in_the_way(make: Callable[[Path], object], key: str, replaceable: bool, tmp_path: Path) -> None:
    make(tmp_path / "out")
    with pytest.raises(WriteError) as refused:
        check_destination(tmp_path / "out")
    assert refused.value.key == f"output.{key}"
    if replaceable:
        check_destination(tmp_path / "out", force=True)
    else:
        with pytest.raises(WriteError) as refused:
            check_destination(tmp_path / "out", force=True)
        assert refused.value.key == f"output.{key}"


@pytest.mark.parametrize("make", [make for make, _, _ in IN_THE_WAY.values()], ids=IN_THE_WAY)
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_command_replaces_anything_unasked(
    arguments: list[str],
    make: Callable[[Path], object],
    tutorial_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(tutorial_run.path)
    for name in NAMES:
        (tmp_path / name).unlink(missing_ok=True)
        folder = tmp_path / f"for {name}"
        folder.mkdir()
        make(folder / name)
        (folder / name).rename(tmp_path / name)
    before = seen(tmp_path)
    assert exit_code(*arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert seen(tmp_path) == before


@pytest.mark.parametrize("command", ["explain", "predict steps", "data", "export", "lab"])
def test_force_replaces_a_link_and_not_what_it_points_to(
    command: str, tutorial_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(tutorial_run.path)
    for name in NAMES:
        (tmp_path / name).with_suffix(".target").write_bytes(b"somebody's")
        (tmp_path / name).symlink_to((tmp_path / name).with_suffix(".target"))
    assert exit_code(*COMMANDS[command], "--force") == 0
    replaced = [name for name in NAMES if not (tmp_path / name).is_symlink()]
    assert len(replaced) == 1
    assert (tmp_path / replaced[0]).stat().st_size > 1000
    assert {(tmp_path / name).with_suffix(".target").read_bytes() for name in NAMES} == {b"somebody's"}


def test_not_even_force_replaces_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "photo-steps.png"):
        shutil.copy(PICTURE, name)
    for path in ("digits.csv", "digits.npz"):
        Path(path).write_text("label,a\n")
    os.link("photo.png", "alias.png")
    before = seen(tmp_path)
    for arguments in (
        ["explain", "photo.png", "--out", "photo.png"],
        ["explain", "photo.png", "--out", "alias.png"],
        ["predict", "photo.png", "photo-steps.png", "--steps", "."],
        ["predict", "--dataset", "digits.csv", "--csv", "digits.csv"],
        ["data", "convert", "digits.npz", "digits.npz"],
        ["data", "photo.png", "--out", "photo.png"],
    ):
        assert exit_code(*arguments, "--force") == 1
    assert seen(tmp_path) == before


@pytest.mark.parametrize("name", ["", "  ", "a" * 245 + ".png", "b/" * 3000 + "c.png", "\0.png", "file/out.png"])
def test_impossible_names_are_refused_before_the_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    monkeypatch.setattr("softreg.imaging.decode.decode", None)  # the work
    for arguments in (["explain", str(PICTURE), "--out", name], ["train", "--out", name.removesuffix(".png")]):
        assert exit_code(*arguments) in (1, 2)
        assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # as to an ordinary user
    for path in (tmp_path / "out", tmp_path / "new" / "out"):
        with pytest.raises(WriteError, match="Permission denied"):
            check_destination(path, new_folder=True)
    with pytest.raises(WriteError, match="No such file"):
        check_destination(tmp_path / "new" / "out")
