"""The style of figures: the same bytes for the same figure, and never an empty box for a letter."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from softreg.data.dataset import Dataset, Splits
from softreg.features.registry import make_feature_map
from softreg.figures.classes import label_issue_grid, typical_images
from softreg.figures.evaluation import confusion_matrix, sample_image, worst_mistakes
from softreg.figures.evidence import evidence_on_picture
from softreg.figures.examples import class_grid
from softreg.figures.house_style import hangul_font, to_png
from softreg.figures.training import class_templates, learning_curve
from softreg.imaging.picture import picture_from_array
from softreg.inference.attribution import first_and_second
from softreg.inference.evaluation import Evaluation, evaluate
from softreg.inference.label_issues import LabelIssues
from softreg.inference.prediction import predict
from softreg.messages import use_language
from softreg.model.softmax_regression import SoftmaxRegression


def test_the_same_figure_gives_the_same_bytes(evaluation: Evaluation) -> None:
    assert to_png(confusion_matrix(evaluation)) == to_png(confusion_matrix(evaluation))


def test_korean_is_drawn_with_a_font_that_has_it(caplog: pytest.LogCaptureFixture) -> None:
    if hangul_font() is None:
        pytest.skip("no font with Hangul is installed")
    use_language("ko")
    with caplog.at_level(logging.WARNING):  # a missing letter is a warning, and warnings are errors
        figure = learning_curve([0.5, 0.3, -0.2], "epoch")
        content = to_png(figure)
        use_language("en")
        assert content != to_png(learning_curve([0.5, 0.3, -0.2], "epoch"))
    assert figure.texts[0].get_text() == "학습 곡선"
    assert not caplog.records  # nor of a weight that one of the fonts has not


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


def figures_with_names(classes: tuple[str, ...], mnist: Splits) -> list[Figure]:
    """Every figure that names classes, drawn for these two."""
    model = SoftmaxRegression(make_feature_map("pixels"), classes)
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(1)))
    rows = (mnist.test.labels < 2).nonzero()[:40, 0]
    data = Dataset(mnist.test.images[rows], mnist.test.labels[rows], classes, "two classes")
    evaluation = evaluate(model, data)
    picture = picture_from_array(255 - np.pad(np.kron(data.images[0].numpy(), np.ones((5, 5), np.uint8)), 30))
    (prediction,) = predict(model, [picture])
    explained = [(digit, *first_and_second(model, digit)) for digit in prediction.readings]
    issues = LabelIssues(torch.arange(3), torch.full((3,), 0.1), torch.tensor([0, 1, 0]), torch.full((3,), 0.9))
    return [
        confusion_matrix(evaluation),
        worst_mistakes(evaluation, data),
        sample_image(data.images[0], classes[0], classes[1], "Image 0"),
        class_grid(data),
        class_templates(torch.randn(2, 28, 28), classes, "templates"),
        typical_images(data, torch.arange(6).view(2, 3)),
        label_issue_grid(data, issues, "issues"),
        evidence_on_picture(picture, explained),
    ]


def test_class_names_are_drawn_as_they_are_never_as_mathematics(mnist: Splits) -> None:
    for classes in (("$\\frac{x", "$x$ & y_1^2"), ("\\$5", "$10")):
        for figure in figures_with_names(classes, mnist):
            to_png(figure)  # a broken formula would raise
            found = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
            assert any(name in text.get_text() for text in found for name in classes)
            assert not any(text.get_parse_math() for text in found)
