"""`softreg lab`: bad options, and writing a notebook. tests/lab/test_lesson.py runs the lesson."""

from pathlib import Path

import pytest

from tests.helpers.command_line import exit_code


@pytest.mark.parametrize(("arguments", "code"), [(["--epochs", "0"], 2), (["--epochs", "x"], 2), (["--out", "file"], 1)])
def test_bad_options_are_refused_in_one_line(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert exit_code("lab", *arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert "Errno" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_notebook_is_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("lab", "--lang", "ko", "--notebook", str(tmp_path / "lesson.ipynb")) == 0
    assert "노트북을 저장했습니다" in capsys.readouterr().out
    assert "손글씨" in (tmp_path / "lesson.ipynb").read_text(encoding="utf-8")
