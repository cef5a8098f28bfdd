"""Drawings that were read wrongly are learnt by the model that read them: in the page as one file, and with a server."""

from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from softreg.exporting.export import export
from softreg.messages import catalogue
from softreg.runs.run import Run
from tests.helpers.chromium import draw_strokes, needs_chromium, settle
from tests.helpers.live_server import Served
from tests.helpers.page_modules import modules_tab, packed
from tests.helpers.page_tab import answer, draw, file_tab, served_tab
from tests.helpers.strokes import HOOKED_ONE

pytestmark = needs_chromium


def correct(page: Page, digit: str) -> None:
    """Say which digit the drawing is, and wait until it is learnt."""
    expect(page.locator("#correction")).to_be_visible()
    page.locator("#meant-class").select_option(digit)
    page.locator("#correct").click()
    expect(page.locator("#corrected")).to_contain_text("my-digits")
    expect(page.locator("#models [aria-checked=true] .who")).to_have_text("my-digits")
    settle(page)


def test_a_drawing_is_corrected_learnt_saved_and_loaded(browser: Browser, tutorial_run: Run, tmp_path: Path) -> None:
    export(tutorial_run.model(), "html", tmp_path / "page.html", images=500)
    page = file_tab(browser, tmp_path / "page.html")
    draw_strokes(page, HOOKED_ONE)
    settle(page)
    assert answer(page) == "7"
    correct(page, "1")
    assert answer(page) == "1"
    told = page.locator("#corrected")
    expect(told).to_contain_text("your drawings (1, with 8 variants)")
    expect(told).to_contain_text("reads 1 of 1 right; before: 0")
    expect(told).to_contain_text("Accuracy on 100 test images")
    page.locator("#clear").click()
    draw(page, "8")
    assert answer(page) == "8"  # it has not forgotten
    page.locator("nav a[href='#symbols']").click()
    page.locator("#own-digits").click()
    expect(page.locator(".symbol").nth(1).locator(".drawing")).to_have_count(1)
    with page.expect_download() as download:
        page.locator("#save-symbols").click()
    download.value.save_as(tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as arrays:
        assert arrays["x_train"].shape == (1, 28, 28)
        assert arrays["y_train"].tolist() == [1]
        assert arrays["classes"].tolist() == [*"0123456789"]
    page.context.close()
    other = file_tab(browser, tmp_path / "page.html", locale="ko-KR")
    other.locator("nav a[href='#symbols']").click()
    other.locator("#load-symbols").set_input_files(tmp_path / "digits.npz")
    expect(other.locator("#own-digits")).to_have_attribute("aria-pressed", "true")
    other.locator("#teach").click()
    expect(other.locator("#taught")).to_contain_text("1장 중 1장을 맞힙니다")
    other.locator("#use-symbols").click()
    draw_strokes(other, HOOKED_ONE)
    expect(other.locator("#digit")).to_have_text("1")
    other.context.close()


def test_with_a_server_the_page_fetches_the_model_and_corrects_it(browser: Browser, served: Served) -> None:
    page = served_tab(browser, served)
    page.locator("#models [data-model=mine]").click()
    settle(page)
    draw_strokes(page, HOOKED_ONE)
    settle(page)
    expect(page.locator("#digit")).to_have_text("7")
    correct(page, "1")
    expect(page.locator("#corrected")).to_contain_text("mine and your drawings")
    expect(page.locator("#corrected")).to_contain_text("reads 1 of 1 right; before: 0")
    expect(page.locator("#digit")).to_have_text("1")
    page.context.close()


def test_the_gradient_of_what_a_correction_makes_small_is_autograd_s(browser: Browser) -> None:
    rng = torch.Generator().manual_seed(0)
    x, labels, kept = torch.rand(6, 5, generator=rng), torch.randint(0, 3, (6,), generator=rng), torch.rand(7, 5, generator=rng)
    start = torch.randn(6, 3, generator=rng, dtype=torch.float64)
    theta = (start + 0.3 * torch.randn(6, 3, generator=rng, dtype=torch.float64)).requires_grad_()
    change = theta - start
    answers = kept.double() @ change[:5] + change[5]
    loss = 2 * torch.nn.functional.cross_entropy(x.double() @ theta[:5] + theta[5], labels)
    loss = loss + 3 / 2 * answers.square().sum(1).mean() + 0.3 / 2 * change.square().sum()
    loss.backward()
    tab = modules_tab(browser, {"adjustment.js": ["Adjustment"], "objective.js": ["Objective"]})
    value, gradient = tab.evaluate(
        """([x, labels, kept, start, theta]) => {
            const floats = (text) => new Float32Array(bytesOfText(text).buffer);
            const doubles = (text) => new Float64Array(bytesOfText(text).buffer);
            const drawings = new softreg.Objective(floats(x), bytesOfText(labels), 3, 0);
            const adjustment = new softreg.Adjustment(drawings, 2, doubles(start), floats(kept));
            const gradient = new Float64Array(adjustment.size);
            return [adjustment.valueAndGradient(doubles(theta), gradient), [...gradient]];
        }""",
        [
            packed(array)
            for array in (x.numpy(), labels.numpy().astype(np.uint8), kept.numpy(), start.numpy(), theta.detach().numpy())
        ],
    )
    tab.context.close()
    assert value == pytest.approx(float(loss.detach()), abs=1e-6)
    assert theta.grad is not None
    assert np.allclose(np.reshape(gradient, (6, 3)), theta.grad.numpy(), atol=1e-6)


def test_both_languages_say_what_was_learnt_from_what() -> None:
    for sentence in catalogue("page")["digits_learnt"].values():
        assert all(f"{{{blank}}}" in sentence for blank in ("from", "n", "variants", "seconds", "right", "before"))
