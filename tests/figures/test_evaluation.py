"""Figures of an evaluation: the lab's sample, legible numbers, and a sentence where nothing is wrong."""

import torch

from softreg.data.dataset import Splits
from softreg.figures.evaluation import confusion_matrix, sample_image, worst_mistakes
from softreg.figures.house_style import BLUE
from tests.helpers.evaluations import evaluation_of


def test_the_sample_is_drawn_as_the_lab_draws_it(mnist: Splits) -> None:
    figure = sample_image(mnist.test.images[3757], "8", "3", "Test image 3757")
    image = figure.axes[0].images[0]
    assert (image.get_cmap().name, image.get_interpolation()) == ("Greys", "nearest")


def test_numbers_on_dark_cells_are_white() -> None:
    probabilities = torch.tensor([[0.9, 0.1]] * 100 + [[0.2, 0.8]] * 10, dtype=torch.float64)
    labels = torch.tensor([0] * 45 + [1] * 65)  # of the ones, 55 of 65 are named 0
    texts = {
        text.get_text(): text.get_color()
        for text in confusion_matrix(evaluation_of(("0", "1"), probabilities, labels)).axes[0].texts
    }
    assert texts == {"45": BLUE, "55": "white", "10": BLUE}


def test_a_model_without_mistakes_says_so(mnist: Splits) -> None:
    labels = mnist.test.labels[:5]
    perfect = evaluation_of(mnist.test.classes, torch.nn.functional.one_hot(labels, 10).double(), labels)
    assert "No mistake" in worst_mistakes(perfect, mnist.test).texts[0].get_text()
