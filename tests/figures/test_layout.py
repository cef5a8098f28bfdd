"""Layouts hold any number of classes and long names: nothing overlaps or leaves the figure."""

from itertools import combinations

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from softreg.data.dataset import Dataset, Splits
from softreg.data.registry import PUBLISHED
from softreg.figures.evaluation import confusion_matrix, worst_mistakes
from softreg.figures.house_style import house_style
from softreg.figures.training import class_templates
from softreg.inference.evaluation import Evaluation
from softreg.messages import Language, use_language


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
