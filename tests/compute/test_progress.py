"""Reports of progress reach the listener of their block, and nobody after it."""

import pytest

from softreg.compute.progress import listen, report, track


def test_a_listener_hears_every_part_and_only_within_its_block() -> None:
    heard: list[tuple[str, int, int | None]] = []
    report("before")
    with listen(lambda *parts: heard.append(parts)):
        assert list(track("ab", "letters", 2)) == ["a", "b"]
        report("solver", 7)
    report("after")
    assert heard == [("letters", 0, 2), ("letters", 1, 2), ("letters", 2, 2), ("solver", 7, None)]


def test_the_outer_listener_comes_back_after_an_error() -> None:
    outer: list[str] = []
    with listen(lambda stage, *_: outer.append(stage)):
        with pytest.raises(ZeroDivisionError), listen(lambda *_: None):
            raise ZeroDivisionError
        report("outer")
    assert outer == ["outer"]
