"""Softmax regression learnt in the page as one file, from the images that travel with it."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from softreg.data.dataset import Splits
from softreg.exporting.export import export
from softreg.messages import catalogue
from softreg.runs.run import Run
from tests.helpers.chromium import draw, needs_chromium, painted, settle
from tests.helpers.page_modules import modules_tab, packed
from tests.helpers.page_tab import file_tab

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Path:
    path = tmp_path_factory.mktemp("learning") / "page.html"
    export(tutorial_run.model(), "html", path, images=20_000)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = file_tab(browser, file)
    page.locator("nav a[href='#learn']").click()
    page.wait_for_selector("#field-lr")
    yield page
    page.context.close()


def steps_shown(page: Page) -> list[str]:
    texts: list[str] = page.locator("#cost-chart text").all_text_contents()
    return [text for text in texts if text in {"0", "1", "3", "10", "30", "100", "300", "1000"}]


def test_it_learns_from_noise_to_nine_in_ten_and_is_drawn_with(page: Page) -> None:
    expect(page.locator("#learn-lead")).to_contain_text("20,000")
    page.locator("#train").click()
    page.wait_for_selector("#cost-chart .now")
    noise = painted(page, "#templates canvas")
    page.wait_for_selector("#use:not([hidden])")
    assert float(page.locator("#accuracy-now").inner_text().split()[0]) >= 90
    assert painted(page, "#templates canvas") != noise
    assert page.locator("#hardest li").count() == 12
    assert steps_shown(page)[-7:] == ["1", "3", "10", "30", "100", "300", "1000"]
    expect(page.locator("#ending")).to_contain_text(catalogue("page")["ending_trained"]["en"])
    page.locator("#use").click()
    expect(page.locator("#models [aria-checked=true] .who")).to_have_text("sgd-1")
    draw(page, "0")
    settle(page)
    expect(page.locator("#digit")).to_have_text("0")


def test_step_by_step_with_a_learning_rate_changed_on_the_way_until_it_diverges(page: Page) -> None:
    for step in range(3):
        page.locator("#step").click()
        expect(page.locator("#progress")).to_contain_text(str(step))  # the first shows the noise it begins with
    before = float(page.locator("#cost-now").inner_text())
    assert before < math.log(10) + 0.2
    page.locator("#field-lr").evaluate("slider => { slider.value = slider.max; slider.dispatchEvent(new Event('input')); }")
    page.locator("#step").click()
    expect(page.locator("#cost-now")).not_to_have_text(f"{before:.3f}")
    assert float(page.locator("#cost-now").inner_text()) > 5
    page.locator("#stop").click()
    expect(page.locator("#ending.bad")).to_contain_text(catalogue("page")["diverged_why"]["en"])
    expect(page.locator("#use")).to_be_hidden()
    page.locator("#step").click()
    expect(page.locator("#earlier")).to_contain_text("pixels sgd lr 0.3")
    expect(page.locator("#cost-chart .old")).to_have_count(1)


def test_test_images_are_followed(page: Page, mnist: Splits) -> None:
    page.locator("nav a[href='#understand']").click()
    page.locator("#sample").fill("3")
    page.keyboard.press("Enter")
    label = int(mnist.test.labels[3 * 10_000 // 2000])
    expect(page.locator(".terms .true th")).to_have_text(f"{label} ← y")


def test_the_gradient_is_autograd_s(browser: Browser) -> None:
    rng = torch.Generator().manual_seed(0)
    x, labels = torch.rand(30, 12, generator=rng), torch.randint(0, 4, (30,), generator=rng)
    theta = torch.randn(13, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(x.double() @ theta[:12] + theta[12], labels) + 0.05 * theta[:12].square().sum()
    loss.backward()
    tab = modules_tab(browser, {"objective.js": ["Objective"]})
    value, gradient = tab.evaluate(
        """([x, labels, theta]) => {
            const floats = new Float32Array(bytesOfText(x).buffer);
            const objective = new softreg.Objective(floats, bytesOfText(labels), 4, 0.1);
            const gradient = new Float64Array(objective.size);
            const value = objective.valueAndGradient(new Float64Array(bytesOfText(theta).buffer), gradient);
            return [value, [...gradient]];
        }""",
        [packed(x.numpy()), packed(labels.numpy().astype(np.uint8)), packed(theta.detach().numpy())],
    )
    tab.context.close()
    assert value == pytest.approx(float(loss.detach()), abs=1e-6)
    assert theta.grad is not None
    assert np.allclose(np.reshape(gradient, (13, 4)), theta.grad.numpy(), atol=1e-6)
