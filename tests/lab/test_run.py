"""Running the lesson: global state is restored after a failure, and a terminal gets colours."""

import sys
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from softreg.lab.run import run_lesson, show
from softreg.lab.steps import Step
from tests.helpers.process_state import ProcessState


def test_a_failing_cell_leaves_global_state_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import random, torch\nrandom.seed(1); torch.manual_seed(1)\n1 / 0"
    monkeypatch.setattr(import_module("softreg.lab.run"), "make_steps", lambda *_: [Step("failing", "# Words", code)])
    before = ProcessState.now()
    with pytest.raises(ZeroDivisionError):
        run_lesson(tmp_path / "out")
    assert ProcessState.now() == before


def test_in_a_terminal_headings_and_code_are_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", stdout := Terminal())
    show(Step("name", "## Heading\n\nWords.", "print(1)"))
    assert "Heading" in stdout.getvalue()
    assert "#" not in stdout.getvalue()
    assert "\x1b[" in stdout.getvalue()
