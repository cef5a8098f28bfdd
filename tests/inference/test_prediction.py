"""Pictures in, answers out: what is read, what is refused, what is left unnamed."""

from typing import Any

import numpy as np
import pytest
import torch

from softreg.data.dataset import Splits
from softreg.errors import PictureError
from softreg.imaging.picture import picture_from_array
from softreg.inference.prediction import BATCH, Prediction, percent, predict, predict_each, predict_images
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load
from tests.helpers.pictures import on_paper
from tests.helpers.predictions import predicted_row

TUTORIAL = pretrained_path("tutorial")


@pytest.fixture
def seven(mnist: Splits) -> bytes:
    """The first test image, a 7, on paper."""
    return on_paper(mnist.test.images[0])


@pytest.mark.parametrize("seed", range(8))
def test_paper_lit_from_one_side_is_blank(seed: int) -> None:
    rng = np.random.default_rng(seed)
    light = np.linspace(150, 255, 224)[None, :: rng.choice([-1, 1])] + rng.normal(size=(224, 224)) * 3
    picture = picture_from_array((light if seed % 2 else light.T).clip(0, 255).astype(np.uint8))
    assert picture.reason == "pictures.blank"


def test_a_postal_code_is_read_left_to_right(mnist: Splits) -> None:
    sheet = np.zeros((60, 220), np.uint8)
    for i, number in enumerate((1, 2, 3, 4)):  # test images 1 to 4 are 2, 1, 0, 4
        sheet[16:44, 10 + 50 * i : 38 + 50 * i] = mnist.test.images[number].numpy()
    (found,) = predict(load(TUTORIAL), [picture_from_array(255 - sheet)])
    assert found.label == "2104"
    assert found.probability == pytest.approx(np.prod([reading.probability for reading in found.readings]))


def test_however_many_pictures_only_a_few_are_open_and_all_keep_their_order(seven: bytes) -> None:
    taken = 0

    def sources() -> Any:
        nonlocal taken
        for i in range(3 * BATCH + 1):
            taken += 1
            yield (b"no picture" if i % 3 == 1 else seven), str(i)

    answers = predict_each(load(TUTORIAL), sources())
    first = next(answers)
    assert isinstance(first, Prediction)
    assert taken == BATCH
    rest = list(answers)
    assert [answer.picture.name if isinstance(answer, Prediction) else str(answer).split(":")[0] for answer in rest] == [
        str(i) for i in range(1, 3 * BATCH + 1)
    ]
    assert [isinstance(answer, PictureError) for answer in rest] == [i % 3 == 1 for i in range(1, 3 * BATCH + 1)]


def test_probabilities_are_the_softmax_of_the_models_own_logits(mnist: Splits) -> None:
    model = load(TUTORIAL)
    pictures = [picture_from_array(image.numpy()) for image in mnist.test.images[:20]]
    for found, image in zip(predict(model, pictures), mnist.test.images, strict=False):
        torch.testing.assert_close(found.probabilities, torch.softmax(model(image[None])[0], 0), atol=1e-6, rtol=0)
    logits, probabilities, reasons = predict_images(model, mnist.test.images[:20])
    torch.testing.assert_close(logits, model(mnist.test.images[:20]))
    torch.testing.assert_close(probabilities, torch.softmax(logits, 1))
    assert reasons[:8] == [None] * 8  # all are written plainly


def test_where_there_is_no_digit_all_classes_are_as_probable() -> None:
    (found,) = predict(load(TUTORIAL), [picture_from_array(np.full((60, 60), 255, np.uint8))])
    assert (found.label, found.probability, found.abstention_reason) == (None, 0.0, "pictures.blank")
    assert found.probabilities.tolist() == pytest.approx([0.1] * 10)


def test_a_model_of_other_images_than_digits_on_paper_gets_the_picture_as_it_is(mnist: Splits) -> None:
    model = load(TUTORIAL)
    model.whole_pictures, model.ground = True, "dark"
    image = mnist.test.images[0]
    (found,) = predict(model, [picture_from_array(image.numpy())])
    torch.testing.assert_close(found.probabilities, torch.softmax(model(image[None])[0], 0), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "0.0%"), (1e-6, "<0.1%"), (0.5, "50.0%"), (0.9994, "99.9%"), (0.99996, ">99.9%"), (1.0, ">99.9%")],
)
def test_no_probability_is_shown_as_certain(probability: float, text: str) -> None:
    assert percent(probability) == text


def test_one_doubtful_digit_leaves_the_others_named() -> None:
    told = predicted_row((None, "prediction.novel", None, None), (3, 1)).to_json()
    assert (told["label"], told["abstained"], told["reason_code"]) == (None, True, "novel")
    assert told["reason"] in str(predicted_row((None, "prediction.novel"), (2,)))
    assert told["lines"] == ["0?2", "3"]
    assert [digit["label"] for digit in told["digits"]] == ["0", None, "2", "3"]
    assert [digit["abstained"] for digit in told["digits"]] == [False, True, False, False]
    assert [digit["reason_code"] for digit in told["digits"]] == [None, "novel", None, None]
    assert told["digits"][2]["box"] == [2.0, 2.0, 3.0, 4.0]
    assert set(told["digits"][0]) == {"box", "label", "probability", "probabilities", "abstained", "reason", "reason_code"}


def test_a_sure_row_has_a_label_and_the_product_of_its_probabilities() -> None:
    told = predicted_row((None, None, None), (3,)).to_json()
    assert (told["label"], told["lines"], told["reason_code"]) == ("012", ["012"], None)
    assert told["probability"] == pytest.approx(0.91**3)
    assert str(predicted_row((None, None, None), (2, 1))).endswith(": 01 / 2 (75.4%)")
