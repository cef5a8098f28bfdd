"""The style of figures: the same bytes for the same figure, and never an empty box for a letter."""

import logging
from pathlib import Path

import pytest
from matplotlib import font_manager

from softreg.figures.evaluation import confusion_matrix
from softreg.figures.house_style import hangul_font, to_png
from softreg.figures.training import learning_curve
from softreg.inference.evaluation import Evaluation
from softreg.messages import use_language


def test_the_same_figure_gives_the_same_bytes(evaluation: Evaluation) -> None:
    assert to_png(confusion_matrix(evaluation)) == to_png(confusion_matrix(evaluation))


def test_korean_is_drawn_with_a_font_that_has_it(caplog: pytest.LogCaptureFixture) -> None:
    if hangul_font() is None:
        pytest.skip("no font with Hangul is installed")
    use_language("ko")
    with caplog.at_level(logging.WARNING):  # a missing letter is a warning, and warnings are errors
        figure = learning_curve([0.5, 0.3, -0.2], "epoch")
        content = to_png(figure)
    assert figure.texts[0].get_text() == "학습 곡선"
    assert not caplog.records
    use_language("en")
    assert content != to_png(learning_curve([0.5, 0.3, -0.2], "epoch"))


def test_without_such_a_font_korean_gives_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: ["/fonts/DejaVuSans.ttf"])
    hangul_font.cache_clear()
    try:
        use_language("ko")
        assert learning_curve([0.5, 0.3], "epoch").texts[0].get_text() == "Learning curve"
    finally:
        hangul_font.cache_clear()


def test_a_font_that_claims_but_lacks_hangul_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    latin = Path(font_manager.findfont("DejaVu Sans")).read_bytes()
    for name in ("NanumGothic.ttf", "NanumGothicBold.ttf"):
        (tmp_path / name).write_bytes(latin)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(path) for path in tmp_path.iterdir()])
    hangul_font.cache_clear()
    try:
        assert hangul_font() is None
    finally:
        hangul_font.cache_clear()
