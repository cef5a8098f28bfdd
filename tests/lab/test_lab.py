"""The lesson: walked through once with one epoch, its printed lines against the lab's own (DESIGN section 8)."""

import ast
import hashlib
import os
import random
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from PIL import Image

from softreg.cli import main
from softreg.errors import DataError
from softreg.lab import mnist_root
from softreg.lab.mnist_root import fill_mnist_root
from softreg.lab.run import run_lesson, show
from softreg.lab.savefig_backend import capture_figures
from softreg.lab.steps import Step, make_steps, read_cells, translate
from softreg.messages import LANGUAGES, catalogue, use_language

MD5 = {  # as published, of the uncompressed files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True)
class World:
    """What the lesson must leave as it was."""

    python: Any
    torch: bytes
    folder: Path
    backend: str

    @classmethod
    def now(cls) -> "World":
        return cls(random.getstate(), bytes(torch.get_rng_state().tolist()), Path.cwd(), matplotlib.get_backend())


@dataclass(frozen=True)
class Walk:
    """One walk, by `softreg lab --lang ko --epochs 1`."""

    lines: list[str]
    out: Path
    before: World
    after: World


@pytest.fixture(scope="module")
def mnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    fill_mnist_root(folder)
    return folder / "MNIST" / "raw"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    out = tmp_path_factory.mktemp("lab") / "lesson"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", said := StringIO())
        patch.setattr(socket.socket, "connect", no_network)
        before = World.now()
        with pytest.raises(SystemExit) as ended:
            main(["lab", "--lang", "ko", "--epochs", "1", "--out", str(out)])
        use_language("en")
    assert ended.value.code == 0
    return Walk(said.getvalue().splitlines(), out, before, World.now())


def no_network(*_: object) -> None:
    raise AssertionError("the lesson needs no network")


@pytest.fixture
def english() -> Iterator[None]:
    yield
    use_language("en")


@pytest.mark.slow
def test_the_labs_lines_stand_alone(walked: Walk) -> None:
    for line in ("다음 기기로 학습합니다: cpu", "Learning finished", "Label:  8"):
        assert walked.lines.count(line) == 1, line
    (epoch,) = (line for line in walked.lines if line.startswith("Epoch:"))
    assert epoch.startswith("Epoch: 0001 cost = ")
    assert float(epoch.split("=")[1]) == pytest.approx(0.535150588, abs=1e-6)
    assert sum(line.startswith("Accuracy: 0.8") for line in walked.lines) == 1
    assert sum(line.startswith("Prediction:  ") for line in walked.lines) == 1


@pytest.mark.slow
def test_the_faults_are_counted(walked: Walk) -> None:
    assert "False True" in walked.lines  # device == "cuda", device.type == "cuda"
    # 600 batches of six steps each (addition, division, loss, log-softmax, linear, transpose), and W and b
    assert "3,602단계를 기억하고 있습니다" in walked.lines
    assert "0단계를 기억하고 있습니다" in walked.lines
    accuracies = [float(line.split("정확도 ")[1][:6]) for line in walked.lines if "정확도 0." in line]
    assert accuracies[2] > accuracies[0]
    assert abs(accuracies[1] - accuracies[0]) < 1e-3


@pytest.mark.slow
def test_the_fast_way_agrees(walked: Walk) -> None:
    (difference,) = (line.removeprefix("가장 큰 차이: ") for line in walked.lines if line.startswith("가장 큰 차이: "))
    assert float(difference) < 2e-6
    assert sum(line.endswith("배 빠릅니다") for line in walked.lines) == 1


@pytest.mark.slow
def test_figures_are_saved_and_said(walked: Walk) -> None:
    assert sorted(path.name for path in (walked.out / "figures").iterdir()) == ["mnist.png", "sample.png", "templates.png"]
    for path in (walked.out / "figures").iterdir():
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 400
        assert any(line.endswith(str(path)) for line in walked.lines)


@pytest.mark.slow
def test_the_world_is_as_it_was(walked: Walk) -> None:
    assert walked.before == walked.after


@pytest.mark.slow
def test_every_line_of_code_that_runs_is_shown(walked: Walk) -> None:
    shown = "\n".join(walked.lines)
    for step in make_steps("ko", epochs=1):
        assert "\n".join(f"    {line}" if line else "" for line in step.code.splitlines()) in shown, step.name


def test_a_failing_cell_leaves_the_world_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import random, torch\nrandom.seed(1); torch.manual_seed(1)\n1 / 0"
    monkeypatch.setattr(import_module("softreg.lab.run"), "make_steps", lambda *_: [Step("failing", "# Words", code)])
    before = World.now()
    with pytest.raises(ZeroDivisionError):
        run_lesson(tmp_path / "out")
    assert World.now() == before


def test_figures_shown_are_saved_and_those_of_others_left_alone(tmp_path: Path) -> None:
    from matplotlib import pyplot

    pyplot.figure("mine")
    saved: list[Path] = []
    with capture_figures(tmp_path / "figures", saved.append):
        pyplot.figure("shown")
        pyplot.show()
        pyplot.figure("never shown")
    assert pyplot.get_figlabels() == ["mine"]
    assert saved == list((tmp_path / "figures").iterdir()) == [tmp_path / "figures" / "shown.png"]
    pyplot.close("mine")


def test_each_cell_has_its_words_and_they_have_their_cell() -> None:
    assert list(read_cells()) == list(catalogue("lesson"))


def test_everything_to_translate_is_there() -> None:
    code = "\n".join(read_cells().values())
    for name, said in catalogue("lab").items():
        if name.startswith("code_"):
            assert said["en"].format() in code, name


def test_korean_code_is_the_same_code() -> None:
    """Only texts and comments differ."""

    class Blank(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.Constant("") if isinstance(node.value, str) else node

        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
            return ast.Constant("")

    for code in read_cells().values():
        english, korean = (ast.dump(Blank().visit(ast.parse(translate(code, language)))) for language in LANGUAGES)
        assert english == korean


@pytest.mark.parametrize("language", LANGUAGES)
def test_epochs_stand_in_the_code(language: Any) -> None:
    (parameters,) = (step.code for step in make_steps(language, epochs=3) if step.name == "parameters")
    assert "training_epochs = 3\n" in parameters
    assert "training_epochs = 15\n" in next(step.code for step in make_steps(language) if step.name == "parameters")


def test_in_a_terminal_headings_and_code_are_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", said := Terminal())
    show(Step("name", "## Heading\n\nWords.", "print(1)"))
    assert "Heading" in said.getvalue()
    assert "#" not in said.getvalue()
    assert "\x1b[" in said.getvalue()


def test_the_root_holds_the_published_files(mnist_folder: Path) -> None:
    assert {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in mnist_folder.iterdir()} == MD5


def test_a_damaged_file_is_replaced_and_a_good_one_left(mnist_folder: Path) -> None:
    damaged, good = mnist_folder / "t10k-labels-idx1-ubyte", mnist_folder / "train-labels-idx1-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    os.utime(good, (1, 1))
    fill_mnist_root(mnist_folder.parents[1])
    assert hashlib.md5(damaged.read_bytes()).hexdigest() == MD5[damaged.name]
    assert good.stat().st_mtime == 1


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(mnist_root, "FOLDER", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="SHA-256"):
        fill_mnist_root(tmp_path / "root")
    assert list((tmp_path / "root" / "MNIST" / "raw").iterdir()) == []


@pytest.mark.parametrize(("arguments", "code"), [(["--epochs", "0"], 2), (["--epochs", "x"], 2), (["--out", "file"], 1)])
def test_what_cannot_be_is_refused_in_one_line(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit) as ended:
        main(["lab", *arguments])
    assert ended.value.code == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("english")
def test_the_notebook_is_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lab", "--lang", "ko", "--notebook", str(tmp_path / "lesson.ipynb")])
    assert ended.value.code == 0
    assert "노트북을 저장했습니다" in capsys.readouterr().out
    assert "손글씨" in (tmp_path / "lesson.ipynb").read_text(encoding="utf-8")
