"""What `make torture` keeps: a suite that has passed is not run again, and docs/torture.md tells of the last counts."""

from pathlib import Path

import pytest

from torture import report
from torture.count import Count
from torture.suites import SUITES


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "COUNTS", tmp_path / "counts.jsonl")
    monkeypatch.setattr(report, "REPORT", tmp_path / "torture.md")
    monkeypatch.setattr(report, "_code", lambda: "one")


def test_only_what_passed_with_this_code_and_count_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    report.record("idx", Count(SUITES["idx"].target), 1.0, "1/1")
    report.record("models", Count(5, ["input 3: late"]), 1.0, "1/1")
    assert report.has_passed("idx", "1/1")
    assert not any(report.has_passed(*other) for other in (("idx", "1/2"), ("models", "1/1"), ("recipes", "1/1")))
    monkeypatch.setattr(report, "_code", lambda: "another")
    assert not report.has_passed("idx", "1/1")


def test_the_report_adds_up_the_shares_of_the_last_code_and_names_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    before = "2000-01-01 to 2000-01-02, on a machine; another.\n"
    report.REPORT.write_text(f"{before}| bombs | earlier | 5 |\n| models | earlier | 5 |\n{report.HAND_WRITTEN}\nkept\n")
    report.record("idx", Count(7, ["input 1: late"]), 1.0, "1/1")
    monkeypatch.setattr(report, "_code", lambda: "another")
    for share, slowest in (("1/2", 0.5), ("2/2", 0.25), ("2/2", 0.75)):  # the last share twice
        report.record("idx", Count(100, details={"slowest, s": slowest, "accepted": 10}), 2.0, share)
    report.record("models", Count(5, ["input 3: late"]), 1.0, "1/1")
    assert report.write_report() == 1  # a failure, and suites that are missing
    text = report.REPORT.read_text()
    assert f"| idx | {SUITES['idx'].description} | 200 inputs | 0 | slowest, s 0.75; accepted 20 | 4 |" in text
    assert "- models: input 3: late" in text
    assert "input 1" not in text
    assert "| bombs | earlier | 5 |\n" in text
    assert "| models | earlier" not in text
    assert "2000-01-01 to 20" in text
    assert "a machine; another" in text
    assert text.endswith(f"{report.HAND_WRITTEN}\nkept\n")
