"""Layouts hold any number of classes and long names: nothing overlaps or leaves the figure."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from softreg.data.dataset import Dataset, Splits
from softreg.data.registry import PUBLISHED
from softreg.figures.classes import typical_images
from softreg.figures.evaluation import confusion_matrix, worst_mistakes
from softreg.figures.house_style import hangul_font, house_style, to_png
from softreg.figures.layout import draw_images, heatmap_axes
from softreg.figures.training import class_templates
from softreg.inference.evaluation import Evaluation
from softreg.messages import Language, use_language
from tests.helpers.evaluations import evaluation_of


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_any_number_of_classes_fits(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    names = tuple(f"{c:02d}" for c in range(classes))
    probabilities = torch.softmax(torch.randn(500, classes, generator=generator, dtype=torch.float64), 1)
    evaluation = evaluation_of(names, probabilities, torch.randint(classes, (500,), generator=generator))
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
    clothes = replace(evaluation, classes=names)
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


def test_of_many_classes_some_are_shown_and_the_title_says_so() -> None:
    names = tuple(f"class {c}" for c in range(300))
    labels, images = torch.arange(600) % 300, torch.randint(0, 256, (600, 8, 12, 3), dtype=torch.uint8)
    index = torch.stack([torch.arange(300), torch.arange(300, 600)], 1)
    for figure in (
        class_templates(torch.randn(300, 8, 12), names, "What they look for"),
        typical_images(Dataset(images, labels, names, "many"), index),
    ):
        assert "(96 of 300 classes)" in figure.texts[0].get_text()
        assert figure.texts[0].get_window_extent().x1 <= figure.get_size_inches()[0] * figure.dpi
    _, axes, _ = heatmap_axes(names, "")
    assert [label.get_text() for label in axes.get_yticklabels()][:3] == ["class 0", "class 5", "class 10"]


@pytest.mark.skipif(hangul_font() is None, reason="no font with Hangul")
def test_names_in_hangul_are_drawn_in_english_figures() -> None:
    evaluation = evaluation_of(("고양이", "개"), torch.eye(2, dtype=torch.float64), torch.tensor([0, 1]))
    to_png(confusion_matrix(evaluation))  # a letter that no font has is a warning, and warnings are errors


def test_digits_are_drawn_as_ink_and_pictures_as_they_are() -> None:
    for shape, shown in (((28, 28), (1.0, 0.0)), ((30, 30), (0.0, 1.0)), ((30, 30, 3), (0.0, 1.0))):
        image = np.zeros(shape, np.uint8)
        image[10:] = 255
        axes = Figure().add_axes((0, 0, 1, 1))
        draw_images(axes, image, shape)
        drawn = axes.images[0].to_rgba(image)
        assert (drawn[0, 0, 0], drawn[-1, 0, 0]) == shown
