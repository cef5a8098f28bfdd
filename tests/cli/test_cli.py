"""The command line as a user types it: real processes where it matters, exit codes, one line for each fault."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import softreg
from tests.helpers.command_line import call_softreg, exit_code, run_softreg


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["train", "--lr", "0"], 2, "--lr must be a number greater than 0 and at most 1,000,000, got 0"),
        (["train", "--lr", "fast"], 2, "1,000,000, got 'fast'"),
        (["train", "--epochs", "0"], 2, "--epochs must be an integer from 1 to 1,000,000, got 0"),
        (["train", "--batch-size", "60001"], 2, "60000, got 60001"),
        (["train", "--dataset", "imagenet"], 2, "'imagenet'"),
        (["train", "--features", "wavelets"], 2, "pixels"),
        (["train", "--validation", "60000"], 2, "validation must be less than"),
        (["train", "--preset", "fast"], 2, "tutorial"),
        (["train", "--config", "low.toml"], 2, "softreg: batch_size must be an integer from 1"),
        (["train", "--batch-size", "0"], 2, "softreg: --batch-size must be an integer from 1 to 100,000,000, got 0"),
        (["train", "--config", "none.toml"], 2, "none.toml"),
        (["train", "--config", "wrong.toml"], 2, "wrong.toml: unknown recipe field 'epoch'"),
        (["train", "--solver", "lbfgs"], 2, "needs l2 > 0"),
        (["train", "--out", "there"], 1, "there: already exists"),
        (["train", "--out", "there", "--force"], 1, "not a run"),
        (["train", "--epoch", "3"], 2, "--epochs"),
        (["train", "--lang", "fr"], 2, "fr"),
        (["evaluate", "none"], 1, "none: not a run"),
        (["evaluate"], 2, "RUN"),
        (["evalute"], 2, "evalute"),
    ],
)
def test_what_cannot_be_done_gets_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text("epoch = 3\n")
    (tmp_path / "low.toml").write_text("batch_size = 0\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").touch()
    before = sorted(tmp_path.rglob("*"))
    assert exit_code(*arguments) == code
    output = capsys.readouterr()
    assert text in output.err
    assert output.err.startswith("softreg: ")
    assert output.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MemoryError(), "system", "not enough memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            "system",
            "not enough memory",
        ),
        (RuntimeError("can't start new thread"), "system", "starts no more threads"),
        (ImportError("libtorch_cpu.so: failed to map segment", name="torch"), "system", "cannot be loaded: libtorch_cpu.so"),
        (OSError(24, "Too many open files", "run"), "system", "Too many open files: 'run'"),
        (ImportError("no such name", name="softreg.runs"), "unexpected", "a bug in softreg"),
        (ZeroDivisionError("division by zero"), "unexpected", "unexpected ZeroDivisionError"),
    ],
)
def test_only_what_is_softreg_s_fault_is_called_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: str, text: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("softreg.cli.group.main", fail)
    assert exit_code("predict", "x.png", "--json") == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["error"]["code"] == code
    assert text in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["evaluate", "--help"]])
def test_help_and_version_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from softreg.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as ended: assert not ended.code\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'numpy', 'PIL'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert softreg.__version__ in done.stdout if "--version" in arguments else "Usage" in done.stdout


MISTYPED = [
    (["train", "--epoch", "3"], "No such option '--epoch'. Did you mean '--epochs'? (see `softreg train --help`)", "--epochs"),
    (["--nope"], "No such option '--nope'. (see `softreg --help`)", "--nope"),
    (["tain"], "No such command 'tain'. Did you mean", "'train'"),
    (["--debug"], "Missing command. (see `softreg --help`)", "softreg --help"),
    (["predict"], "Missing argument 'PICTURE...'. (see `softreg predict --help`)", "PICTURE..."),
    (["reproduce"], "Missing argument 'RUN'. (see `softreg reproduce --help`)", "RUN"),
    (["export", "run"], "Missing option '--format'. Choose from: onnx, npz, json", "onnx, npz, json"),
    (["train", "--lr"], "Option '--lr' requires an argument.", "--lr"),
    (["train", "--json=3"], "Option '--json' does not take a value.", "--json"),
    (["reproduce", "a", "b", "c"], "Got unexpected extra arguments (b c)", "b c"),
    (["serve", "--port", "70000"], "Invalid value for '--port': 70000 is not in the range 0<=x<=65535.", "0<=x<=65535"),
    (["serve", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer", "--port"),
    (["export", "run", "--format", "zip"], "Invalid value for '--format': 'zip' is not one of 'onnx', 'npz', ", "'json'"),
    (["lab", "--notebook", ""], "Invalid value for '--notebook': a name must not be empty", "--notebook"),
    (["train", "--resume"], "--resume needs --out RUN", "--out RUN"),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("arguments", "english", "always"), MISTYPED)
def test_what_cannot_be_understood_is_told_in_one_line_of_the_user_s_language(
    arguments: list[str],
    english: str,
    always: str,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOFTREG_LANG", language)
    assert exit_code(*arguments) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert output.err.startswith(f"softreg: {english}") if language == "en" else re.search("[가-힣]", output.err)
    assert always in output.err


def test_softreg_alone_shows_its_help() -> None:
    alone, asked = run_softreg(LANG="ko_KR.UTF-8"), run_softreg("--help", LANG="ko_KR.UTF-8")
    assert (alone.returncode, alone.stderr, alone.stdout) == (0, "", asked.stdout)
    assert alone.stdout.startswith("사용법: softreg")
    assert not re.search("Show|Options:|Commands:|Usage", alone.stdout)


def test_train_imports_no_torchvision() -> None:
    code = "import sys, softreg.training.train; assert not {'torchvision', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_a_folder_that_has_been_deleted_is_named_as_the_trouble(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = f'cd gone; rmdir ../gone; "{sys.executable}" -m softreg export tutorial --format json --out "{tmp_path}/model.json"'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "softreg: the current folder has been deleted; change to another one (cd)\n"


def test_the_matplotlib_backend_of_a_notebook_is_no_harm() -> None:
    program = (
        "import contextlib, softreg.cli as cli\nwith contextlib.suppress(SystemExit): cli.main(['--version'])\nimport matplotlib"
    )
    environment = os.environ | {"MPLBACKEND": "no-such-backend"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_harm(closed: str, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m softreg export tutorial --format json {closed}'
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert json.loads((tmp_path / "tutorial.json").read_text())  # nothing that was to be printed is in it


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "latin-1"])
def test_letters_that_a_stream_does_not_have(encoding: str) -> None:
    english = run_softreg("nonsense", SOFTREG_LANG="ko", PYTHONIOENCODING=encoding)
    assert (english.returncode, english.stderr.count("\n")) == (2, 1)
    assert english.stderr.startswith("softreg: No such command")
    korean = run_softreg("nonsense", "--lang", "ko", PYTHONIOENCODING=encoding)
    assert (korean.returncode, korean.stderr.count("\n")) == (2, 1)
    assert "nonsense" in korean.stderr


@pytest.mark.parametrize("columns", ["0", "1", "-5", "", "wide", "9" * 30])
def test_a_terminal_of_an_odd_width(columns: str) -> None:
    shown = call_softreg("data", COLUMNS=columns)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "fashion-mnist" in shown.stdout
