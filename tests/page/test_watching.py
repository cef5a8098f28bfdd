"""Training on the server, watched on the page."""

import json

from playwright.sync_api import Page, Route, expect

from softreg.messages import catalogue
from tests.helpers.chromium import needs_chromium, painted
from tests.helpers.page_tab import answer, draw

pytestmark = needs_chromium


def test_a_stream_that_breaks_off_and_comes_again_tells_no_step_twice(page: Page) -> None:
    steps = [{"cost": 1 / n, "accuracy": 1 - 0.1 / n} for n in (1, 2, 3)]
    event = {"training": 7, "status": "running", "solver": "sgd", "total": 9, "from": 0, "steps": steps, "view": None}
    asked: list[str] = []

    def broken_off(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="text/event-stream", body=f"retry: 10\ndata: {json.dumps(event)}\n\n")

    page.route("**/training/events", broken_off)
    page.goto(page.url.partition("#")[0] + "#learn")
    page.reload()
    page.wait_for_selector("#cost-chart .now")
    while len(asked) < 4:
        page.wait_for_timeout(20)
    line = page.locator("#cost-chart .now").get_attribute("d")
    page.unroute("**/training/events")
    page.reload()
    assert line is not None
    assert line.count("L") == 2  # three points


def test_a_training_is_watched_to_its_end_and_its_run_is_drawn_with(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#learn")
    page.locator("#field-epochs").fill("100")
    page.locator("#train").click()
    page.wait_for_selector("#cost-chart .now")
    first = page.locator("#cost-chart .now").get_attribute("d")
    page.locator("#pause").click()
    expect(page.locator("#pause")).to_have_text(catalogue("page")["resume"]["en"])
    held = page.locator("#cost-chart .now").get_attribute("d")
    page.wait_for_timeout(400)
    assert page.locator("#cost-chart .now").get_attribute("d") == held
    template = painted(page, "#templates canvas")
    page.locator("#pause").click()
    page.wait_for_selector("#ending:not([hidden])")
    last = page.locator("#cost-chart .now").get_attribute("d")
    assert first is not None
    assert last is not None
    assert last.count("L") == 99  # a hundred points
    assert painted(page, "#templates canvas") != template
    assert page.locator("#hardest li").count() == 12
    assert float(page.locator("#accuracy-now").inner_text().split()[0]) > 90
    assert catalogue("solvers")["epochs_done"]["en"].format(epochs=100) in page.locator("#ending").inner_text()
    page.locator("[data-language=ko]").click()
    expect(page.locator("#ending")).to_contain_text(catalogue("solvers")["epochs_done"]["ko"].format(epochs=100))
    page.locator("#use").click()
    page.wait_for_selector("#draw:not([hidden])")
    expect(page.locator("#models [aria-checked=true] .who")).to_contain_text("sgd")
    draw(page, "0")
    assert answer(page) == "0"


def test_a_training_that_is_stopped_keeps_what_it_learned(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#learn")
    page.locator("#field-epochs").fill("150")
    page.locator("#train").click()
    page.wait_for_selector("#cost-chart .now[d*=L]")
    expect(page.locator("#pause")).to_be_enabled()  # the first step is done
    page.locator("#stop").click()
    page.wait_for_selector("#use:not([hidden])")


def test_a_training_is_stopped_while_it_prepares(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#learn")
    page.locator("#field-features").select_option("scattering")  # of 60,000 images: long enough
    page.locator("#train").click()
    page.locator("#stop").click()
    expect(page.locator("#ending")).to_have_text(catalogue("serving")["stopped_early"]["en"])
    expect(page.locator("#train")).to_be_enabled()
    expect(page.locator("#use")).to_be_hidden()


def test_steps_that_are_too_large_diverge_and_the_page_says_so(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#learn")
    page.locator("#field-epochs").fill("2")
    page.locator("#field-lr").evaluate("slider => { slider.value = slider.max; slider.dispatchEvent(new Event('input')); }")
    page.locator("#train").click()
    expect(page.locator("#ending.bad")).to_contain_text(catalogue("page")["diverged_why"]["en"])
