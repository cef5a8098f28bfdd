"""The lesson, run once with one epoch: its printed lines against those of the original lab."""

import importlib
import socket
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from softreg.cli import main
from softreg.lab.steps import make_steps
from softreg.messages import use_language
from tests.helpers.process_state import ProcessState


@dataclass(frozen=True)
class Lesson:
    """What `softreg lab --lang ko --epochs 1` printed and left."""

    lines: list[str]
    out: Path
    before: ProcessState
    after: ProcessState


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    out = tmp_path_factory.mktemp("lab") / "lesson"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout := StringIO())
        patch.setattr(socket.socket, "connect", no_network)
        importlib.import_module("rich.style")  # which draws from the global `random`
        before = ProcessState.now()
        with pytest.raises(SystemExit) as exit_:
            main(["lab", "--lang", "ko", "--epochs", "1", "--out", str(out)])
        use_language("en")
    assert exit_.value.code == 0
    return Lesson(stdout.getvalue().splitlines(), out, before, ProcessState.now())


def no_network(*_: object) -> None:
    raise AssertionError("the lesson needs no network")


@pytest.mark.slow
def test_the_labs_lines_stand_alone(lesson: Lesson) -> None:
    for line in ("다음 기기로 학습합니다: cpu", "Learning finished", "Label:  8"):
        assert lesson.lines.count(line) == 1, line
    (epoch,) = (line for line in lesson.lines if line.startswith("Epoch:"))
    assert epoch.startswith("Epoch: 0001 cost = ")
    assert float(epoch.split("=")[1]) == pytest.approx(0.535150588, abs=1e-6)
    assert sum(line.startswith("Accuracy: 0.8") for line in lesson.lines) == 1
    assert sum(line.startswith("Prediction:  ") for line in lesson.lines) == 1


@pytest.mark.slow
def test_the_faults_are_counted(lesson: Lesson) -> None:
    assert "False True" in lesson.lines  # device == "cuda", device.type == "cuda"
    # 600 batches of six steps each (addition, division, loss, log-softmax, linear, transpose), and W and b
    assert "3,602단계를 기억하고 있습니다" in lesson.lines
    assert "0단계를 기억하고 있습니다" in lesson.lines
    accuracies = [float(line.split("정확도 ")[1][:6]) for line in lesson.lines if "정확도 0." in line]
    assert accuracies[2] > accuracies[0]
    assert abs(accuracies[1] - accuracies[0]) < 1e-3


@pytest.mark.slow
def test_the_fast_way_agrees(lesson: Lesson) -> None:
    (difference,) = (line.removeprefix("가장 큰 차이: ") for line in lesson.lines if line.startswith("가장 큰 차이: "))
    assert float(difference) < 2e-6
    assert sum(line.endswith("배 빠릅니다") for line in lesson.lines) == 1


@pytest.mark.slow
def test_figures_are_saved_and_named(lesson: Lesson) -> None:
    assert sorted(path.name for path in (lesson.out / "figures").iterdir()) == ["mnist.png", "sample.png", "templates.png"]
    for path in (lesson.out / "figures").iterdir():
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 400
        assert any(line.endswith(str(path)) for line in lesson.lines)


@pytest.mark.slow
def test_global_state_is_restored(lesson: Lesson) -> None:
    assert lesson.before == lesson.after


@pytest.mark.slow
def test_every_line_of_code_that_runs_is_shown(lesson: Lesson) -> None:
    shown = "\n".join(lesson.lines)
    for step in make_steps("ko", epochs=1):
        assert "\n".join(f"    {line}" if line else "" for line in step.code.splitlines()) in shown, step.name
