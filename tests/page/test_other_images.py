"""Models of other images than digits: the page resizes a drawing as the server does, and says which models it cannot compute."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from torch.nn.functional import avg_pool2d

import softreg
from softreg.data.dataset import Splits
from softreg.errors import RunError
from softreg.exporting.export import export
from softreg.features.registry import make_feature_map
from softreg.imaging.picture import picture_from_array
from softreg.inference.attribution import attribution_maps
from softreg.inference.prediction import predict
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.runs.run import Run
from tests.helpers.chromium import needs_chromium
from tests.helpers.drawn_sheet import sheet
from tests.helpers.live_server import serve
from tests.helpers.page_modules import MODEL, modules_tab, packed, weights_of
from tests.helpers.page_tab import answer, draw, file_tab, served_tab
from tests.helpers.strokes import STROKES

NAMES = ("영", "일", "이", "삼")


def model_of(shape: tuple[int, ...], ground: str | None = "dark", features: str = "pixels") -> SoftmaxRegression:
    """A model with random weights."""
    model = SoftmaxRegression(make_feature_map(features, shape), NAMES)
    model.set_theta(torch.randn(len(NAMES), model.features.dim + 1, generator=torch.Generator().manual_seed(1)))
    model.whole_pictures, model.ground = True, ground
    return model.eval()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    page = modules_tab(browser, {"whole_picture.js": ["readResized"], "linear_model.js": ["contributions"]})
    yield page
    page.context.close()


@needs_chromium
@pytest.mark.parametrize("ground", ["dark", "light", None])
@pytest.mark.parametrize("shape", [(8, 8), (32, 32), (28, 28), (40, 24)])
def test_a_drawing_is_resized_and_inverted_as_python_does_it(tab: Page, shape: tuple[int, int], ground: str | None) -> None:
    model = model_of(shape, ground)
    for name in ("3", "8"):
        drawing = sheet(STROKES[name])
        (expected,) = predict(model, [picture_from_array(drawing)])
        found = tab.evaluate(
            f"""([grey, weights]) => {{
                const [values, model] = [Float32Array.from(bytesOfText(grey)), ({MODEL})(weights)];
                const {{ digits }} = softreg.readResized({{ width: 128, height: 128, values }}, model);
                return [[...digits[0].image], digits[0].scores.logits, [...softreg.contributions(model, digits[0].image)]];
            }}""",
            [packed(drawing), weights_of(model)],
        )
        image, logits, maps = (np.asarray(part, dtype=np.float32) for part in found)
        reading = expected.readings[0]
        assert np.abs(image - reading.digit.image.ravel()).max() <= 1
        assert np.allclose(logits, model.logits(image.reshape(1, *shape).astype(np.uint8)).numpy()[0], atol=1e-3)
        by_python = attribution_maps(model, torch.from_numpy(image.reshape(shape).astype(np.uint8))).numpy()
        assert np.allclose(maps, by_python.ravel(), atol=1e-4)


@pytest.mark.parametrize(("shape", "features"), [((8, 8, 3), "pixels"), ((32, 32), "deskew")])
def test_what_the_page_cannot_compute_is_refused(shape: tuple[int, ...], features: str, tmp_path: Path) -> None:
    size = " x ".join(map(str, shape))
    with pytest.raises(RunError, match=f"not {features} for {size} images; use --format onnx"):
        export(model_of(shape, features=features), "html", tmp_path / "page.html")


@needs_chromium
def test_a_model_that_knows_no_digits_is_not_invited_with_one(browser: Browser, tmp_path: Path) -> None:
    export(model_of((32, 32)), "html", tmp_path / "page.html")
    page = file_tab(browser, tmp_path / "page.html", clock=True, reduced_motion="no-preference")
    page.clock.run_for(2600)  # when a hand would draw a 3
    expect(page.locator("#sheet.demonstration")).to_have_count(0)
    page.clock.run_for(60_000)
    expect(page.locator("#digit")).to_have_text("–")
    draw(page, "3")
    expect(page.locator("#bars .name")).to_have_text(list(NAMES))
    page.context.close()


@pytest.fixture(scope="module")
def small_digits(mnist: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on MNIST's digits, cut out of their margin and halved to 10 x 10."""
    data = []
    for part in (mnist.train[:6000], mnist.test[:1000]):
        images = avg_pool2d(part.images[:, None, 4:24, 4:24].float(), 2)[:, 0]
        data.append((images.round().to(torch.uint8), part.labels))
    run = softreg.train(Recipe(epochs=10), tmp_path_factory.mktemp("small") / "digits", data=tuple(data), figures=False)
    assert run.model().image_shape == (10, 10)
    return run


@needs_chromium
def test_the_exported_page_answers_as_the_served_one(small_digits: Run, browser: Browser, tmp_path: Path) -> None:
    export(small_digits.model(), "html", tmp_path / "page.html")
    with serve(tmp_path, "--model", str(small_digits.path)) as served:
        pages = [file_tab(browser, tmp_path / "page.html"), served_tab(browser, served)]
        for name in ("0", "3", "7"):
            answers = set()
            for page in pages:
                draw(page, name)
                answers.add(answer(page))
                expect(page.locator("#why-sum")).to_contain_text("=")
                expect(page.locator("#correction")).to_be_hidden()
                page.locator("#clear").click()
            assert len(answers) == 1
        for page in pages:
            page.context.close()
