"""What the page computes itself is what Python computes: the images in a drawing, logits, evidence."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

import softreg
from softreg.data.dataset import Splits
from softreg.exporting.page import COMPUTED
from softreg.imaging.picture import picture_from_array
from softreg.inference.attribution import attribution_maps
from softreg.inference.prediction import predict
from softreg.inference.scores import score
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import Run
from tests.helpers.chromium import needs_chromium
from tests.helpers.drawn_sheet import in_a_row, sheet
from tests.helpers.page_modules import MODEL, modules_tab, packed, weights_of
from tests.helpers.ridge_model import ridge_model
from tests.helpers.strokes import NO_DIGITS, STROKES, Point

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    page = modules_tab(browser, {"reading.js": ["readPicture"], "linear_model.js": ["classify", "contributions"]})
    yield page
    page.context.close()


@pytest.fixture(scope="module", params=[name for name in COMPUTED if not name.endswith("t_kernel")])  # computed as kernel is
def model(mnist: Splits, request: pytest.FixtureRequest) -> SoftmaxRegression:
    return ridge_model(request.param, mnist)


def test_logits_of_test_images(tab: Page, model: SoftmaxRegression, mnist: Splits) -> None:
    count = {"pixels": 10_000, "deskew": 2000}.get(model.features.name, 100)  # the others take longer
    images = mnist.test.images[:count]
    asked = [packed(images.numpy()), weights_of(model)]
    logits = tab.evaluate(
        f"""([images, weights]) => {{
            const [bytes, model] = [bytesOfText(images), ({MODEL})(weights)];
            return Array.from({{ length: bytes.length / 784 }}, (_, n) =>
                softreg.classify(model, bytes.subarray(784 * n, 784 * (n + 1))).logits);
        }}""",
        asked,
    )
    expected = model.logits(images).numpy()
    assert np.abs(np.asarray(logits) - expected).max() < 1e-3
    assert np.array_equal(np.argmax(logits, 1), expected.argmax(1))


def test_evidence_of_each_pixel(tab: Page, model: SoftmaxRegression, mnist: Splits) -> None:
    for image in mnist.test.images[:4]:
        asked = [packed(image.numpy()), weights_of(model)]
        maps = tab.evaluate(f"([image, weights]) => [...softreg.contributions(({MODEL})(weights), bytesOfText(image))]", asked)
        expected = attribution_maps(model, image).numpy()  # (10, 28, 28)
        assert np.allclose(np.reshape(maps, (10, 28, 28)), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["best", "handwriting"])  # by distances, and by one more linear layer
def test_the_detector_tells_digits_from_what_is_none(tab: Page, mnist: Splits, name: str) -> None:
    model = softreg.load(pretrained_path(name))
    assert model.ood_detector is not None
    fence, star = (sheet(turned(NO_DIGITS[shape]), side=28) for shape in ("fence", "star"))
    images = torch.cat([mnist.test.images[:8], torch.from_numpy(255 - np.stack([fence, star]))])
    asked = [packed(images.numpy()), weights_of(model)]
    found = tab.evaluate(
        f"""([images, weights]) => {{
            const [bytes, model] = [bytesOfText(images), ({MODEL})(weights)];
            return Array.from({{ length: bytes.length / 784 }}, (_, n) =>
                softreg.classify(model, bytes.subarray(784 * n, 784 * (n + 1))));
        }}""",
        asked,
    )
    expected = score(model, images)
    assert np.allclose([scores["logits"] for scores in found], expected.logits.numpy(), atol=1e-3)
    assert np.allclose([scores["novelty"] for scores in found], expected.novelty.numpy(), atol=1e-2)
    assert {scores["novelty"] > 0 for scores in found} == {True, False}


def turned(strokes: list[list[Point]], angle: float = 0.06) -> list[list[Point]]:
    """About the middle: of an upright symmetric drawing the centre of mass lies between two pixels, and rounding decides."""
    c, s = math.cos(angle), math.sin(angle)
    return [[(0.5 + c * (x - 0.5) - s * (y - 0.5), 0.49 + s * (x - 0.5) + c * (y - 0.5)) for x, y in stroke] for stroke in strokes]


def beside(left: str, right: str) -> list[list[Point]]:
    """Two digits on one sheet."""
    halves = ((STROKES[left], 0.0), (STROKES[right], 0.5))
    return turned([[(x / 2 + shift, 0.25 + y / 2) for x, y in stroke] for strokes, shift in halves for stroke in strokes])


DRAWINGS = {digit: turned(strokes) for digit, strokes in STROKES.items()} | {"12": beside("1", "2"), "85": beside("8", "5")}
DRAWINGS["2402"] = in_a_row("2402", top=0.2, height=0.6, margin=0.06)  # slim
DRAWINGS["237"] = in_a_row("237", top=0.3, height=0.35, margin=0.0)  # from edge to edge
DRAWINGS["31"] = in_a_row("31", top=0.3, height=0.35, margin=0.0)


@pytest.mark.parametrize("width", [0.025, 0.062, 0.1])  # strokes that are widened, kept, and narrowed
def test_drawings_become_the_same_images(tab: Page, tutorial_run: Run, width: float) -> None:
    model = tutorial_run.model()
    weights = weights_of(model)
    for name, strokes in DRAWINGS.items():
        drawing = sheet(strokes, width=width if len(name) == 1 else width / 2)
        reading = tab.evaluate(
            f"""([grey, weights]) => {{
                const values = Float32Array.from(bytesOfText(grey));
                const {{ digits, reason }} = softreg.readPicture({{ width: 128, height: 128, values }}, ({MODEL})(weights));
                return {{ reason, images: digits.map(({{ image }}) => [...image]), boxes: digits.map(({{ box }}) => box) }};
            }}""",
            [packed(drawing), weights],
        )
        (prediction,) = predict(model, [picture_from_array(drawing)])
        expected = np.stack([found.digit.image for found in prediction.readings]).reshape(-1, 784)
        assert reading["reason"] is None
        assert np.array_equal(reading["boxes"], [found.digit.box for found in prediction.readings])
        assert np.abs(np.asarray(reading["images"]) - expected.astype(int)).max() <= 2, name


@pytest.mark.parametrize(("grey", "reason"), [(255, "blank"), (0, "blank"), ("shaded", "uneven_paper")])
def test_what_cannot_be_read_has_a_reason(tab: Page, tutorial_run: Run, grey: int | str, reason: str) -> None:
    paper = np.tile(np.arange(128, dtype=np.uint8), (128, 1)) if grey == "shaded" else np.full((128, 128), grey, np.uint8)
    asked = [packed(paper), weights_of(tutorial_run.model())]
    found = tab.evaluate(
        f"""([grey, weights]) => softreg.readPicture(
            {{ width: 128, height: 128, values: Float32Array.from(bytesOfText(grey)) }}, ({MODEL})(weights)).reason""",
        asked,
    )
    assert found == reason
