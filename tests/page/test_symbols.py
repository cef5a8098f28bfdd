"""Own symbols, in the page as one file: drawn, learnt, read, saved and loaded; Python learns the same model from the file."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from softreg.data.load import load_dataset
from softreg.exporting.export import export
from softreg.messages import catalogue
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.fit import fit
from tests.helpers.chromium import draw_strokes, needs_chromium, settle
from tests.helpers.jamo import JAMO, by_hand
from tests.helpers.page_modules import modules_tab
from tests.helpers.page_tab import file_tab

pytestmark = needs_chromium
TRAIN, TEST = 8, 2  # drawings of a class


@pytest.fixture(scope="module")
def taught(browser: Browser, tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Iterator[Page]:
    """Five jamo, ten drawings of each, learnt with variants."""
    file = tmp_path_factory.mktemp("symbols") / "page.html"
    export(tutorial_run.model(), "html", file)
    page = file_tab(browser, file)
    page.goto(f"{file.as_uri()}#symbols")
    rng = np.random.default_rng(0)
    for c, name in enumerate(JAMO):
        if c >= page.locator(".symbol").count():
            page.locator("#add-class").click()
        row = page.locator(".symbol").nth(c)
        row.locator("input").fill(f"{name}-")
        row.locator("input").blur()
        row.locator("input").fill(name)
        row.locator("input").blur()
        row.locator(".choose").click()
        for number in range(TRAIN + TEST):
            draw_strokes(page, by_hand(name, rng), "#symbol-ink")
            page.locator("#keep").click()
            expect(row.locator(".drawing")).to_have_count(number + 1)
    page.locator("#teach").click()
    page.wait_for_selector("#use-symbols:not([hidden])")
    yield page
    page.context.close()


def saved(page: Page, path: Path) -> Path:
    page.evaluate("location.hash = 'symbols'")
    with page.expect_download() as download:
        page.locator("#save-symbols").click()
    download.value.save_as(path)
    return path


def test_five_jamo_are_learnt_and_read(taught: Page) -> None:
    assert f"{TRAIN * 5} drawings" in taught.locator("#taught").inner_text()
    taught.locator("#use-symbols").click()
    expect(taught.locator("#models [aria-checked=true] .who")).to_have_text("symbols")
    rng, right = np.random.default_rng(1), 0
    for number in range(20):
        name = list(JAMO)[number % 5]
        if taught.locator("#clear").is_enabled():
            taught.locator("#clear").click()
        draw_strokes(taught, by_hand(name, rng))
        settle(taught)
        right += taught.locator("#digit").inner_text() == name
    assert right >= 18
    assert taught.locator("#bars .name").all_inner_texts() == list(JAMO)


def test_the_file_is_read_by_python_with_its_names_and_parts(taught: Page, tmp_path: Path) -> None:
    splits = load_dataset(saved(taught, tmp_path / "symbols.npz"))
    assert splits.train.classes == tuple(JAMO)
    assert splits.train.labels.bincount().tolist() == [TRAIN] * 5
    assert splits.test.labels.bincount().tolist() == [TEST] * 5
    with np.load(tmp_path / "symbols.npz") as arrays:
        assert arrays["x_train"].dtype == np.uint8
        assert arrays["y_train"].dtype == np.int64


def test_python_and_the_page_learn_the_same_model_from_the_file(browser: Browser, taught: Page, tmp_path: Path) -> None:
    file = saved(taught, tmp_path / "symbols.npz")
    recipe = Recipe(dataset=str(file), solver="lbfgs", l2=0.01, tol=1e-9, max_iterations=2000)
    splits = load_dataset(file)
    model = fit(recipe, splits.train).model
    tab = modules_tab(browser, {"npz.js": ["readNpz"], "objective.js": ["Objective", "unpack"], "solvers.js": ["lbfgs"]})
    learnt = tab.evaluate(
        """async (file) => {
            const { x_train: x, y_train: y, classes } = await softreg.readNpz(new Blob([bytesOfText(file)]));
            const pixels = Float32Array.from(x.values, (value) => value / 255);
            const objective = new softreg.Objective(pixels, Uint8Array.from(y.values), classes.values.length, 0.01);
            const { weight, bias } = softreg.unpack(softreg.lbfgs(objective).theta, classes.values.length);
            return { classes: classes.values, weight: [...weight], bias: [...bias] };
        }""",
        base64.b64encode(file.read_bytes()).decode(),
    )
    tab.context.close()
    assert tuple(learnt["classes"]) == model.classes
    weight, bias = np.reshape(learnt["weight"], (5, 784)), np.asarray(learnt["bias"])
    logits = splits.test.images.flatten(1).numpy() / 255 @ weight.T + bias
    expected = model.logits(splits.test.images).numpy()
    logits, expected = (z - z.mean(1, keepdims=True) for z in (logits, expected))  # equal biases make no difference
    assert np.abs(logits - expected).max() < 1e-2
    assert np.array_equal(logits.argmax(1), expected.argmax(1))


def test_the_file_is_loaded_again_and_others_are_refused(taught: Page, tmp_path: Path) -> None:
    file = saved(taught, tmp_path / "symbols.npz")
    taught.locator(".symbol .drawing").first.click()  # takes it away
    expect(taught.locator(".drawing")).to_have_count(5 * (TRAIN + TEST) - 1)
    taught.locator("#load-symbols").set_input_files(file)
    expect(taught.locator(".drawing")).to_have_count(5 * (TRAIN + TEST))
    expect(taught.locator(".drawing.held-out")).to_have_count(5 * TEST)
    assert [field.input_value() for field in taught.locator(".symbol input").all()] == list(JAMO)
    np.savez_compressed(tmp_path / "packed.npz", **{name: array for name, array in np.load(file).items() if name != "x_test"})
    taught.locator("#load-symbols").set_input_files(tmp_path / "packed.npz")
    expect(taught.locator(".drawing")).to_have_count(5 * TRAIN)
    for number, content in enumerate([b"PK", b"", file.read_bytes()[:200]]):
        (tmp_path / f"{number}.npz").write_bytes(content)
        taught.locator("#load-symbols").set_input_files(tmp_path / f"{number}.npz")
        expect(taught.locator("#error")).to_have_text(catalogue("page")["symbols_not_read"]["en"])
    expect(taught.locator(".drawing")).to_have_count(5 * TRAIN)
