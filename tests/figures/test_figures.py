"""Figures: drawn, legible, the same bytes again, and never an empty box for a letter."""

import io
import logging
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from softreg.data.dataset import Dataset, Splits
from softreg.data.registry import PUBLISHED
from softreg.figures.evaluation import confusion_matrix, sample_image, worst_mistakes
from softreg.figures.house_style import BLUE, hangul_font, house_style, to_png
from softreg.figures.training import class_templates, learning_curve
from softreg.inference.evaluation import Evaluation, evaluate
from softreg.messages import Language, use_language
from softreg.runs.run import Run

NAMES = ["class-templates.png", "confusion.png", "learning-curve.png", "test-sample.png", "worst-mistakes.png"]


@pytest.fixture(scope="module")
def evaluation(tutorial_run: Run, mnist: Splits) -> Evaluation:
    return evaluate(tutorial_run.model(), mnist.test)


def pixels(content: bytes) -> "np.ndarray[Any, Any]":
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_run_has_its_five_figures(tutorial_run: Run) -> None:
    folder = tutorial_run.path / "figures"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    for name in NAMES:
        image = pixels((folder / name).read_bytes())
        assert image.shape[1] >= 400
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20, f"{name} is blank"


def test_the_same_figure_gives_the_same_bytes(evaluation: Evaluation) -> None:
    assert to_png(confusion_matrix(evaluation)) == to_png(confusion_matrix(evaluation))


def test_templates_are_white_at_zero_and_one_scale_for_all() -> None:
    templates = torch.zeros(10, 28, 28)
    templates[3, 10:18, 10:18] = 1.0
    templates[4, 10:18, 10:18] = -1.0
    figure = class_templates(templates, "0123456789", "")
    images = [axes.images[0] for axes in figure.axes[:10]]
    assert len({image.get_clim() for image in images}) == 1
    low, high = images[0].get_clim()
    assert low == -high
    assert np.allclose(images[0].to_rgba(np.zeros((1, 1)))[0, 0, :3], 0.97, atol=0.03)


def test_the_sample_is_drawn_as_the_lab_draws_it(mnist: Splits) -> None:
    figure = sample_image(mnist.test.images[3757], "8", "3", 3757)
    image = figure.axes[0].images[0]
    assert (image.get_cmap().name, image.get_interpolation()) == ("Greys", "nearest")


@pytest.mark.parametrize("classes", [2, 10, 26, 62])
def test_any_number_of_classes_fits(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    names = tuple(f"{c:02d}" for c in range(classes))
    probabilities = torch.softmax(torch.randn(500, classes, generator=generator, dtype=torch.float64), 1)
    evaluation = Evaluation(names, probabilities, torch.randint(classes, (500,), generator=generator), nll=1.0)
    for figure in (
        confusion_matrix(evaluation),
        class_templates(torch.randn(classes, 28, 28, generator=generator), names, "Templates"),
    ):
        width, height = figure.get_size_inches()
        figure.draw_without_rendering()
        for text in (t for axes in figure.axes for t in axes.texts):
            box = text.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= width * figure.dpi
        assert height < 16


def written(figure: Figure) -> list[Text]:
    """All that can be read in a figure, tick labels beyond an axis left out: matplotlib does not draw them."""
    texts = list(figure.texts)
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
            for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
                texts += [label] if low <= place <= high else []
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_long_names_do_not_overlap(language: Language, evaluation: Evaluation, mnist: Splits) -> None:
    names = PUBLISHED["fashion-mnist"].classes
    clothes = Evaluation(names, evaluation.probabilities, evaluation.labels, evaluation.nll)
    use_language(language)
    templates = class_templates(torch.ones(10, 28, 28), names, "Templates")
    mistakes = worst_mistakes(clothes, Dataset(mnist.test.images, mnist.test.labels, names, "clothes"))
    for figure in (confusion_matrix(clothes), mistakes, templates):
        with house_style():
            figure.draw_without_rendering()
            whole = figure.bbox
            boxes = [text.get_window_extent() for text in written(figure)]
            for box in boxes:
                assert whole.x0 <= box.x0
                assert box.x1 <= whole.x1
                assert whole.y0 <= box.y0
                assert box.y1 <= whole.y1
            assert not [(a, b) for a, b in combinations(boxes, 2) if a.shrunk(0.9, 0.8).overlaps(b.shrunk(0.9, 0.8))]


def test_one_epoch_is_a_whole_number() -> None:
    figure = learning_curve([0.5], "epoch")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1]


def test_numbers_on_dark_cells_are_white() -> None:
    probabilities = torch.tensor([[0.9, 0.1]] * 100 + [[0.2, 0.8]] * 10, dtype=torch.float64)
    labels = torch.tensor([0] * 45 + [1] * 65)  # of the ones, 55 of 65 are named 0
    texts = {
        text.get_text(): text.get_color()
        for text in confusion_matrix(Evaluation(("0", "1"), probabilities, labels, 0.0)).axes[0].texts
    }
    assert texts == {"45": BLUE, "55": "white", "10": BLUE}


def test_a_model_without_mistakes_says_so(mnist: Splits) -> None:
    labels = mnist.test.labels[:5]
    perfect = Evaluation(mnist.test.classes, torch.nn.functional.one_hot(labels, 10).double(), labels, nll=0.0)
    assert "No mistake" in worst_mistakes(perfect, mnist.test).texts[0].get_text()


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
