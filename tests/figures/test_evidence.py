"""Figures of explanations: they show what they say, where it belongs."""

import numpy as np
import pytest
import torch

from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.figures.evidence import evidence_on_picture
from softreg.imaging.picture import picture_from_array
from softreg.inference.attribution import first_and_second
from softreg.inference.prediction import predict
from softreg.messages import LANGUAGES, Language, translate, use_language
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load
from tests.helpers.figure_text import texts

TUTORIAL = pretrained_path("tutorial")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_figure_names_class_and_runner_up_with_their_numbers(mnist: Splits, language: Language) -> None:
    use_language(language)
    model = load(TUTORIAL)
    image = mnist.test.images[0].numpy()
    picture = picture_from_array(255 - np.pad(np.kron(image, np.ones((5, 5), np.uint8)), 30))
    (prediction,) = predict(model, [picture])
    explained = [(digit, *first_and_second(model, digit)) for digit in prediction.readings]
    figure = evidence_on_picture(picture, explained)
    text = " ".join(texts(figure))
    (_, first, second) = explained[0]
    assert first.label == "7"
    assert f"{first.logit:+.1f}" in text
    assert f"{second.bias:+.1f}" in text
    assert translate("explain.rather_than", label=first.label, other=second.label) in text


def test_evidence_lies_on_the_digit(mnist: Splits) -> None:
    """Drawn, the evidence of pixels falls on ink: where the picture is paper, nothing is coloured."""
    sheet = np.full((200, 300), 255, np.uint8)
    sheet[20:160, 130:270] -= np.kron(mnist.test.images[0].numpy(), np.ones((5, 5), np.uint8))
    picture = picture_from_array(sheet)
    model = load(TUTORIAL)
    (prediction,) = predict(model, [picture])
    (digit,) = prediction.readings
    evidence = first_and_second(model, digit)[0].map.numpy()
    row, column = np.nonzero(np.abs(evidence) > 0.2 * np.abs(evidence).max())
    x, y = digit.digit.affine @ np.stack([column + 0.5, row + 0.5, np.ones(len(row))])
    assert len(row) > 5
    assert np.mean(sheet[y.astype(int), x.astype(int)] < 200) > 0.9


def test_a_picture_read_as_a_whole_is_shown_as_a_whole() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    model = SoftmaxRegression(make_feature_map("pixels", (8, 10, 3)), ("a", "b"))
    model.set_theta(torch.randn(2, 241, generator=torch.Generator().manual_seed(1)))
    picture = picture_from_array(image)
    (prediction,) = predict(model, [picture])
    explained = [(digit, *first_and_second(model, digit)) for digit in prediction.readings]
    figure = evidence_on_picture(prediction.picture, explained)
    assert translate("explain.whole") in texts(figure)
    assert figure.axes[0].get_xlim() == (0, 60)
