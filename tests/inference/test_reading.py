"""Choosing among ways to see a picture: the shipped model on pictures that mislead."""

from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.paper import ink_map
from benchmarks.user_pictures import in_a_row as postal_code
from softreg.data.dataset import Splits
from softreg.imaging import layout
from softreg.imaging.components import Component
from softreg.imaging.ink import Grey
from softreg.imaging.lattice import Candidate
from softreg.imaging.layout import Layout
from softreg.imaging.normalization import NormalizedDigit, normalize
from softreg.imaging.picture import picture_from_array, read_picture
from softreg.inference import reading
from softreg.inference.prediction import abstention_reasons, predict
from softreg.inference.reading import APART, LEAST_ODDS, MAX_CANDIDATES, interpret, overlap, separation_cost
from softreg.inference.scores import ScoreCache, Scores, score
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load
from tests.helpers.drawn_sheet import in_a_row, sheet


@pytest.fixture(scope="module")
def best() -> SoftmaxRegression:
    return load(pretrained_path("best"))


@pytest.fixture(scope="module")
def handwriting() -> SoftmaxRegression:
    return load(pretrained_path("handwriting"))


def test_a_digit_costs_its_surprise() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    costs = Scores(probabilities.log(), probabilities, torch.tensor([-100.0, 0.0])).costs
    assert costs == pytest.approx([-np.log(0.9), 2 * np.log(2)], abs=1e-6)


def test_overlap_is_a_share_of_the_narrower() -> None:
    one, other = Component((1,), 0, 0, 10, 20, 1.0), Component((2,), 0, 15, 10, 25, 1.0)
    assert overlap(one, other) == 0.5
    assert overlap(one, Component((2,), 0, 30, 10, 40, 1.0)) < 0


def test_scores_are_the_models(best: SoftmaxRegression, mnist: Splits) -> None:
    scores = score(best, mnist.test.images[:20])
    torch.testing.assert_close(scores.probabilities, torch.softmax(best.logits(mnist.test.images[:20]), 1))


@pytest.mark.parametrize(
    "digits",
    [
        (56169, 55277, 56939, 56989, 56957),  # a 5 with a small body, whose bar stands apart
        (56293, 57500, 56813, 57561, 55929),  # the same beside a 2
        (55668, 58084, 59734, 59388, 58187),  # a wide and low 2
    ],
)
def test_no_low_digit_is_lost(handwriting: SoftmaxRegression, mnist: Splits, digits: tuple[int, ...]) -> None:
    check_codes(handwriting, mnist, digits)


def test_two_sure_digits_are_not_joined(handwriting: SoftmaxRegression, mnist: Splits) -> None:
    check_codes(handwriting, mnist, (58060, 55784, 58006, 59206, 59318))  # the 1 and the small 9 are like the parts of a 4


def check_codes(model: SoftmaxRegression, mnist: Splits, digits: tuple[int, ...]) -> None:
    """Training images in a row, eight times differently."""
    rng, chosen = np.random.default_rng(0), torch.tensor(digits)
    pages = [read_picture(postal_code(mnist.train.images[chosen].numpy(), rng)) for _ in range(8)]
    truth = "".join(str(label) for label in mnist.train.labels[chosen].tolist())
    assert [prediction.label for prediction in predict(model, pages)] == [truth] * 8


def test_touching_digits_are_read_apart(best: SoftmaxRegression, mnist: Splits) -> None:
    """Pairs of digits pushed together until they overlap by a few pixels."""
    rng, right = np.random.default_rng(2), 0
    for first in range(0, 24, 2):
        inks = [ink_map(mnist.train.images[i].numpy(), rng, canvas=(1, 1), field=120) for i in (50_000 + first, 50_001 + first)]
        left, other = (ink[1:-1, 1:-1] for ink in inks)
        sheet = np.zeros((180, 60 + left.shape[1] + other.shape[1]), dtype=np.float32)
        at = 30 + left.shape[1] - 3
        sheet[90 - left.shape[0] // 2 :][: left.shape[0], 30 : 30 + left.shape[1]] = left
        window = sheet[90 - other.shape[0] // 2 :][: other.shape[0], at : at + other.shape[1]]
        np.maximum(window, other, out=window)
        (found,) = predict(best, [picture_from_array(np.rint(255 * (1 - sheet)).astype(np.uint8))])
        labels = mnist.train.labels[50_000 + first : 50_002 + first].tolist()
        right += [reading.label for reading in found.readings] == [str(label) for label in labels]
    assert right >= 9


def test_a_faint_half_is_read(best: SoftmaxRegression, mnist: Splits) -> None:
    """Eights whose lower half is drawn with a pen running dry."""
    eights = mnist.train.images[50_000:][mnist.train.labels[50_000:] == 8][:10].numpy()
    rng, right = np.random.default_rng(3), 0
    for image in eights:
        ink = ink_map(image, rng, canvas=(280, 280), field=220)
        rows = np.flatnonzero(ink.any(axis=1))
        fading = np.ones(len(ink), dtype=np.float32)
        fading[rows] = np.linspace(1, 0.25, len(rows))
        page = 235 - 170 * ink * fading[:, None]
        (found,) = predict(best, [picture_from_array(page.astype(np.uint8))])
        right += found.label == "8"
    assert right >= 8


def strokes(*lines: list[tuple[int, int]]) -> NDArray[np.uint8]:
    """A drawing with a pen, black on white."""
    page = Image.new("L", (200, 200), 255)
    for line in lines:
        ImageDraw.Draw(page).line(line, fill=0, width=9, joint="curve")
    return np.asarray(page)


def test_a_digit_in_two_strokes_is_one_and_two_ones_are_two(best: SoftmaxRegression) -> None:
    four = strokes([(70, 30), (66, 94), (72, 114), (88, 119)], [(120, 40), (114, 165)])
    ones = strokes([(74, 40), (68, 160)], [(118, 42), (112, 158)])
    assert [prediction.label for prediction in predict(best, [picture_from_array(four), picture_from_array(ones)])] == ["4", "11"]


def test_a_four_whose_bar_is_broken_is_one_digit_of_a_row(mnist: Splits) -> None:
    """Alone, the shorter part may be a sure 6 and the stem a sure 1."""
    model, rng, right = load(pretrained_path("handwriting")), np.random.default_rng(5), 0
    held_out = mnist.train[50_000:]
    fours = [ink_map(image.numpy(), rng, canvas=(1, 1), field=110) for image in held_out.images[held_out.labels == 4][:60]]
    broken = [four for four in map(with_broken_bar, fours) if four is not None]
    one, seven = (ink_map(held_out.images[held_out.labels == n][0].numpy(), rng, canvas=(1, 1), field=110) for n in (1, 7))
    for four in broken:
        page = np.zeros((160, 420), dtype=np.float32)
        for ink, left in ((seven, 30), (four, 150), (one, 300)):
            page[80 - ink.shape[0] // 2 :][: ink.shape[0], left : left + ink.shape[1]] = ink
        (found,) = predict(model, [picture_from_array(np.rint(255 * (1 - page)).astype(np.uint8))])
        right += found.label == "741"
    assert len(broken) >= 8
    assert right == len(broken)


def with_broken_bar(ink: Grey) -> Grey | None:
    """A 4 with three columns of its bar erased, the part left of them half to three quarters as high, or None."""
    for left in range(ink.shape[1] // 3, ink.shape[1] - 3):
        cut = ink.copy()
        cut[:, left : left + 3] = 0
        heights = [np.ptp(np.flatnonzero(part.any(axis=1))) / len(ink) for part in (cut[:, :left], cut[:, left:]) if part.any()]
        if (
            np.count_nonzero(ink[:, left : left + 3] > 0.5) < 36
            and len(heights) == 2
            and 0.5 < heights[0] < 0.72
            and heights[1] > 0.9
        ):
            return cut
    return None


def test_log_odds_are_those_of_digit_and_class() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.75, 0.25]])
    odds = Scores(probabilities.log(), probabilities, torch.tensor([-100.0, 0.0])).log_odds
    assert odds.tolist() == pytest.approx([np.log(9), np.log(0.375 / 0.625)], abs=1e-4)


def test_a_digit_on_plain_paper_is_hardly_doubted(best: SoftmaxRegression, mnist: Splits) -> None:
    ink = ink_map(mnist.train.images[50_003].numpy(), np.random.default_rng(4), canvas=(300, 300), field=120)
    (drawn,) = interpret(best, [picture_from_array(np.rint(255 * (1 - ink)).astype(np.uint8))])
    (already,) = interpret(best, [picture_from_array(mnist.test.images[0].numpy())])
    assert drawn.doubt is not None
    assert drawn.doubt.tolist() == pytest.approx([LEAST_ODDS])
    assert already.doubt is None


def test_a_texture_in_which_each_way_finds_another_digit_is_doubted(best: SoftmaxRegression) -> None:
    y, x = np.indices((224, 224)) / 224
    waves = np.sin(2 * np.pi * (3 * x + 4 * y)) + np.sin(2 * np.pi * (2 * x - y))
    (reading,) = interpret(best, [picture_from_array((127 + 60 * waves).astype(np.uint8))])
    assert reading.scores is not None
    assert reading.doubt is not None
    assert reading.doubt.min() > 2
    assert any(abstention_reasons(reading.scores, reading.doubt))


def test_the_odds_of_a_digit_have_to_exceed_the_doubt() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.3]])
    scores = Scores(probabilities.log(), probabilities, torch.tensor([-2.25, 0.1, -9.0]))
    assert abstention_reasons(scores) == [None, "prediction.novel", "prediction.uncertain"]
    assert abstention_reasons(scores, torch.full((3,), 2.0)) == [None, "prediction.novel", "prediction.uncertain"]
    assert abstention_reasons(scores, torch.full((3,), 2.5))[0] == "prediction.doubtful"


def test_a_digit_among_sure_ones_needs_no_better_odds_than_any(best: SoftmaxRegression, mnist: Splits) -> None:
    inks = [
        ink_map(mnist.train.images[50_003 + i].numpy(), np.random.default_rng(4), canvas=(300, 200), field=120) for i in range(3)
    ]
    (reading,) = interpret(best, [picture_from_array(np.rint(255 * (1 - np.hstack(inks))).astype(np.uint8))])
    assert reading.doubt is not None
    assert reading.doubt.tolist() == pytest.approx([0, 0, 0])


@pytest.mark.parametrize(
    ("width", "stretch", "is_apart", "cost"), [(40, 1, True, 0), (75, 1, True, 2), (50, 1.5, True, 2), (75, 1, False, -APART)]
)
def test_marks_with_paper_between_them_cost_more_the_wider_they_are(
    width: int, stretch: float, is_apart: bool, cost: float
) -> None:
    candidate = Candidate(0, 2, Component((1,), 0, 0, 50, width, 100.0), 0.0, is_apart=is_apart)
    assert separation_cost(candidate, stretch) == pytest.approx(APART + cost)


def test_two_sure_digits_with_paper_between_them_stay_two(best: SoftmaxRegression) -> None:
    """A slim 6 and a 1 beside it, that together are not wider than a digit."""
    page = Image.new("L", (200, 220), 255)
    ImageDraw.Draw(page).ellipse((60, 110, 100, 180), outline=0, width=9)
    ImageDraw.Draw(page).arc((60, 40, 130, 260), 180, 260, fill=0, width=9)
    ImageDraw.Draw(page).line([(122, 60), (120, 180)], fill=0, width=9)
    (answer,) = predict(best, [picture_from_array(np.asarray(page))])
    assert answer.label == "61"


@pytest.mark.parametrize("number", range(10))
def test_rows_on_a_sheet_are_read_however_slim_their_digits(number: int) -> None:
    """A square sheet makes the digits of a row tall and slim, or reach its edges."""
    rng = Random(number)
    digits = "".join(rng.choices("0123456789", k=rng.randint(2, 4)))
    digits = f"1{digits}" if number % 4 == 0 else f"{digits}1"  # a 1 at the edge looks like a dark corner
    margin = 0.06 if number % 2 else 0.0
    strokes = in_a_row(digits, top=rng.uniform(0.05, 0.3), height=rng.choice([0.25, 0.4, 0.6]), margin=margin)
    (prediction,) = predict(load(pretrained_path("handwriting")), [picture_from_array(sheet(strokes, width=0.04))])
    assert prediction.label == digits


def test_a_doubtful_digit_is_turned_where_it_costs_less_so(mnist: Splits) -> None:
    """Validation images, turned: what is said of them is said of the digit as it is turned, and so is where its ink lies."""
    model, rng, turned = load(pretrained_path("handwriting")), np.random.default_rng(3), 0
    for image in mnist.train.images[59_000:59_150].numpy():
        ink = ink_map(image, rng, canvas=(120, 120), field=110, angle=rng.choice([-30, 30]))
        picture = picture_from_array(np.rint(255 * (1 - ink)).astype(np.uint8))
        (found,) = interpret(model, [picture])
        assert found.scores is not None
        (before,), after = score(model, torch.from_numpy(picture.digits[0].image)[None]).costs, found.scores.costs
        if len(after) != 1 or before <= reading.CONVINCING:
            continue
        (digit,) = found.picture.digits
        assert after[0] <= before
        assert score(model, torch.from_numpy(digit.image)[None]).costs == pytest.approx(after, abs=1e-4)
        along = np.rad2deg(np.arctan2(*digit.affine[::-1, 0]))
        if abs(along) > 1:
            turned += 1
            assert along == pytest.approx(np.copysign(reading.TURN, along), abs=0.5)
            assert after[0] + reading.TURNED < before
    assert turned >= 3


def test_a_layout_that_cannot_be_cheaper_than_the_best_is_not_read(
    best: SoftmaxRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, x = np.indices((224, 224)) / 224
    picture = picture_from_array((127 + 60 * np.sin(2 * np.pi * (3 * x + 4 * y))).astype(np.uint8))
    read: list[str] = []

    def recorded(known: ScoreCache, layout: Layout, most: int) -> reading.Interpretation:
        read.append(layout.kind)
        return whole_read(known, layout, most)

    whole_read = reading._read
    monkeypatch.setattr(reading, "_read", recorded)
    list(interpret(best, [picture]))
    assert len(read) > 1
    monkeypatch.setattr(reading, "KINDS", {kind: 0.0 if kind == "usual" else 1e9 for kind in reading.KINDS})
    read.clear()
    list(interpret(best, [picture]))
    assert read == ["usual"]


def long_stroke(width: int) -> NDArray[np.uint8]:
    """A stroke across a strip of paper, which could be cut into a hundred digits."""
    image = Image.new("L", (1200, 20), 255)
    ImageDraw.Draw(image).line([(1190, 15), (10, 4), (1180, 8)], fill=0, width=width)
    return np.asarray(image)


@pytest.mark.parametrize("width", [1, 4])
def test_a_long_stroke_is_not_cut_into_all_the_digits_that_it_could_be(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    normalized = 0

    def counted(ink: Grey, stretch: float, turn: float) -> NormalizedDigit:
        nonlocal normalized
        normalized += 1
        return normalize(ink, stretch, turn)

    monkeypatch.setattr(layout, "normalize", counted)
    picture = picture_from_array(long_stroke(width))
    list(interpret(load(pretrained_path("tutorial")), [picture]))
    uncut = sum(len(line) for way in picture.layouts or () for line in way.lines)
    assert normalized <= MAX_CANDIDATES + uncut + 2 * reading.MAX_DOUBTFUL


def test_of_a_crowded_picture_nothing_is_read() -> None:
    page = np.full((420, 420), 255, np.uint8)
    for top in range(8, 420, 42):
        for left in range(18, 420, 42):
            page[top : top + 26, left : left + 4] = 0  # a hundred strokes
    (found,) = interpret(load(pretrained_path("tutorial")), [picture_from_array(page)])
    assert found.scores is None
    assert found.doubt is None
