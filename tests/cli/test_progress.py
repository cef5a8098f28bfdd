"""Progress on stderr: a bar with the time left in a terminal, elsewhere a line a stage, and nothing on stdout."""

import pytest

from softreg.cli.progress import show_progress
from softreg.compute.progress import report, track
from softreg.messages import use_language


def work() -> None:
    list(track("abcd", "features", 4))
    report("solver", 3)
    report("features", 0, 4)


def test_elsewhere_than_in_a_terminal_each_stage_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(lines=True):
        work()
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "softreg: computing features ...\nsoftreg: training ...\n")
    with show_progress(lines=False):
        work()
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_a_bar_tells_what_is_done(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal
    monkeypatch.setenv("COLUMNS", "100")
    use_language("ko")
    try:
        with show_progress(lines=True):
            report("features", 1, 4)
        with show_progress(lines=True, only="pictures"):
            report("pictures", 1, 2)
            report("solver", 7)
    finally:
        use_language("en")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "특징을 계산하는 중" in printed.err
    assert "25%" in printed.err
    assert "사진을 읽는 중" in printed.err
    assert "학습하는 중" not in printed.err
