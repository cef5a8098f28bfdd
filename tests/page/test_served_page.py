"""The page as the server sends it, in Chromium: drawn on by scripted strokes, trained with, in both languages, by keys, by axe."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from softreg.data.dataset import Splits
from softreg.messages import catalogue
from softreg.runs.run import Run
from tests.helpers.chromium import draw as draw_by_hand
from tests.helpers.chromium import needs_chromium, painted, settle
from tests.helpers.live_server import Served, png, serve
from tests.helpers.strokes import NO_DIGITS, STROKES

PAGE = Path(__file__).parents[2] / "src/softreg/page/static"
PARTS = ("draw", "learn", "symbols", "understand")
LARGEST_PAGE = 240_000  # bytes
COMPLAINTS: list[str] = []
PATIENCE = 60_000  # milliseconds: another process may be busy

expect.set_options(timeout=PATIENCE)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(tutorial_run.path, folder / "runs" / "mine")
    with serve(folder) as server:
        yield server


@pytest.fixture(scope="module")
def tab(browser: Browser, served: Served) -> Iterator[Page]:
    page = opened(browser, served)
    yield page
    page.context.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The page as it is at first, in a context of its own: it remembers nothing, and what one test leaves hangs no other."""
    page = opened(browser, served)
    yield page
    page.context.close()


@pytest.fixture(autouse=True)
def _complaints() -> Iterator[None]:
    """What the page throws, writes to its console as an error, or asks of others than its server, fails the test."""
    COMPLAINTS.clear()
    yield
    assert not COMPLAINTS


def opened(browser: Browser, served: Served, part: str = "draw", **options: Any) -> Page:
    """The page, ready."""
    context = browser.new_context(**({"locale": "en-US", "viewport": {"width": 1366, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: COMPLAINTS.append(str(error)))
    page.on("console", lambda message: COMPLAINTS.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith((served.url, "data:")) else COMPLAINTS.append(request.url))
    page.goto(f"{served.url}#{part}")
    page.wait_for_selector("html[data-ready]")
    return page


def draw(page: Page, what: str) -> None:
    draw_by_hand(page, what)
    settle(page)


def explained(page: Page, name: str) -> None:
    """Tap a class, and wait until the evidence is of the drawing as it is: its sum is the logit of the bar."""
    bar = page.locator(f"#bars button[data-name='{name}']")
    bar.click()
    expect(page.locator("#why-sum")).to_contain_text(f"= {bar.locator('.z').inner_text()}")


def terms(page: Page) -> list[float]:
    """The numbers of the sum beneath the map: for, against, bias, total."""
    return [float(number) for number in re.findall(r"[+-]\d+\.\d+", page.locator("#why-sum").inner_text().replace("−", "-"))]


def answer(page: Page) -> str:
    return page.locator("#digit").inner_text()


@pytest.mark.parametrize("digit", STROKES)
def test_every_digit_that_is_drawn_is_read(tab: Page, digit: str) -> None:
    if tab.locator("#clear").is_enabled():
        tab.locator("#clear").click()
    draw(tab, digit)
    assert answer(tab) == digit


def test_the_answer_is_read_aloud_once_the_pen_rests(page: Page) -> None:
    draw(page, "7")
    expect(page.locator("#spoken")).to_contain_text("7: ")
    assert page.locator("#spoken").get_attribute("aria-live") == "polite"
    expect(page.locator("#stages li").nth(2)).to_be_visible()


def test_the_map_says_why_this_class_and_not_the_runner_up_and_of_a_tapped_one_what_speaks_for_it(page: Page) -> None:
    draw(page, "3")
    z = {name: float(page.locator(f"#bars button[data-name='{name}'] .z").inner_text().replace("−", "-")) for name in STROKES}
    first, second = sorted(z, key=lambda name: -z[name])[:2]
    title = catalogue("page")["why_lead"]["en"].format(name=first, other=second)
    expect(page.locator("#why:not(.stale) #why-title")).to_have_text(title)
    assert terms(page)[-1] == pytest.approx(z[first] - z[second], abs=0.02)
    expect(page.locator("#why-sentence")).to_contain_text(f"runner-up {second}")
    leading = painted(page, "#evidence")
    explained(page, "8")
    assert page.locator("#bars button[data-name='8']").get_attribute("aria-pressed") == "true"
    assert painted(page, "#evidence") != leading
    assert page.locator("#why-title").inner_text() == catalogue("page")["why_not"]["en"].format(name=8)
    *parts, total = terms(page)
    assert sum(parts) == pytest.approx(total, abs=0.02)


def test_undo_takes_back_strokes_and_clear(page: Page) -> None:
    draw(page, "4")
    with_both = painted(page, "#ink")
    page.locator("#undo").click()
    with_one = painted(page, "#ink")
    assert with_one != with_both
    settle(page)
    page.locator("#clear").click()
    settle(page)
    assert answer(page) == "–"
    page.locator("#undo").click()
    assert painted(page, "#ink") == with_one
    page.locator("#undo").click()
    expect(page.locator("#undo")).to_be_disabled()


def test_a_second_finger_draws_nothing_and_the_pen_s_other_end_erases(page: Page) -> None:
    def pointer(kind: str, x: float, y: float, number: int, button: int = 0) -> None:
        page.locator("#ink").evaluate(
            """(canvas, [kind, x, y, pointerId, button]) => {
                const box = canvas.getBoundingClientRect();
                const [clientX, clientY] = [box.left + x * box.width, box.top + y * box.height];
                canvas.setPointerCapture = () => {};
                canvas.dispatchEvent(new PointerEvent(kind, { pointerId, clientX, clientY, button, pointerType: "touch" }));
            }""",
            [kind, x, y, number, button],
        )

    pointer("pointerdown", 0.3, 0.3, 1)
    pointer("pointermove", 0.3, 0.6, 1)
    alone = painted(page, "#ink")
    pointer("pointerdown", 0.8, 0.8, 2)
    pointer("pointermove", 0.8, 0.2, 2)
    pointer("pointerup", 0.8, 0.2, 2)
    assert painted(page, "#ink") == alone
    pointer("pointermove", 0.3, 0.9, 1)
    assert painted(page, "#ink") != alone
    pointer("pointerup", 0.3, 0.9, 1)
    pointer("pointerdown", 0.3, 0.61, 3, 5)
    pointer("pointerup", 0.3, 0.61, 3, 5)
    assert not page.locator("#sheet.inked").count()
    page.locator("#undo").click()
    assert page.locator("#sheet.inked").count()


def test_the_sheet_is_drawn_on_with_keys_alone(page: Page) -> None:
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "ink":
            break
    for _ in range(3):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    for _ in range(24):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    settle(page)
    assert answer(page) == "1"
    page.keyboard.press("Control+z")
    settle(page)
    assert answer(page) == "–"


def test_a_pen_pressed_harder_draws_a_broader_line_and_a_finger_draws_too(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)

    def sheet(x: float, y: float) -> dict[str, float]:  # a click on a button may have scrolled the page
        box = page.locator("#ink").bounding_box()
        assert box is not None
        return {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}

    def inked() -> int:
        return int(
            page.locator("#ink").evaluate(
                "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter(v => v).length"
            )
        )

    def pen(kind: str, y: float, force: float) -> None:
        event = {"type": kind, "pointerType": "pen", "force": force, "button": "left", "buttons": 1} | sheet(0.25, y)
        devtools.send("Input.dispatchMouseEvent", event | {"clickCount": 1})

    amounts = []
    for force in (0.2, 0.9):
        for kind, y in (("mousePressed", 0.15), ("mouseMoved", 0.35), ("mouseMoved", 0.6), ("mouseReleased", 0.6)):
            pen(kind, y, force)
        amounts.append(inked())
        page.locator("#clear").click()
    assert amounts[1] > 1.4 * amounts[0] > 0
    for kind, points in (("touchStart", [(0.5, 0.2)]), ("touchMove", [(0.5, 0.5)]), ("touchMove", [(0.49, 0.8)]), ("touchEnd", [])):
        at = [sheet(x, y) for x, y in points]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    expect(page.locator("#digit")).to_have_text("1")


def paste_or_drop(page: Page, picture: bytes, event: str) -> None:
    page.evaluate(
        """([bytes, event]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "picture.png", { type: "image/png" }));
            const target = event === "paste" ? document : document.getElementById("sheet");
            const made = event === "paste"
                ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            target.dispatchEvent(made);
        }""",
        [list(picture), event],
    )


@pytest.mark.parametrize("way", ["paste", "drop", "open"])
def test_a_picture_is_pasted_dropped_or_opened(page: Page, mnist: Splits, way: str) -> None:
    picture = png(mnist.test.images[0].numpy())  # a seven that every model reads
    if way == "open":
        page.locator("#open").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": picture})
    else:
        paste_or_drop(page, picture, way)
    page.wait_for_selector("#sheet.inked")
    expect(page.locator("#digit")).to_have_text("7")


def test_where_the_model_abstains_the_page_says_why(page: Page) -> None:
    paste_or_drop(page, png(np.full((200, 200), 250, np.uint8)), "paste")
    expect(page.locator("#digit")).to_have_text("?")
    assert len(page.locator("#sure").inner_text()) > 5


@pytest.mark.parametrize("drawing", NO_DIGITS)
def test_what_is_no_digit_is_named_by_none_and_the_page_says_why_and_what_spoke_for_it(page: Page, drawing: str) -> None:
    draw(page, drawing)
    expect(page.locator("#digit")).to_have_text("?")
    reason = catalogue("prediction")["novel"]["en"]
    expect(page.locator("#sure")).to_contain_text(reason)
    expect(page.locator("#spoken")).to_have_text(reason)
    expect(page.locator("#why-sum .plus")).to_be_visible()
    assert page.locator("#bars button:enabled").count() == 10
    page.locator("#models [data-model=tutorial]").click()  # which was not taught to doubt
    expect(page.locator("#sure")).not_to_contain_text(reason)


def test_models_are_chosen_with_arrow_keys_and_compared_on_the_same_drawing(page: Page) -> None:
    draw(page, "2")
    for says in page.locator("#models [role=radio] .says").all():
        expect(says).not_to_be_empty()
    chosen = page.locator("#models [aria-checked=true]")
    before = chosen.get_attribute("data-model")
    chosen.focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    after = page.evaluate("document.activeElement.dataset.model")
    assert after != before
    assert chosen.get_attribute("data-model") == after


def test_the_languages_are_switched_and_remembered(page: Page) -> None:
    draw(page, "7")
    page.locator("[data-language=ko]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    korean = catalogue("page")
    for element in page.locator("[data-i18n]").all():
        key = element.get_attribute("data-i18n")
        assert key is not None
        if key not in {"why_title", "for", "against", "pause", "learn_lead"}:  # which say more once something is drawn
            assert element.text_content() == korean[key]["ko"]
    for element in page.locator("[data-i18n-label]").all():
        assert element.get_attribute("aria-label") == korean[str(element.get_attribute("data-i18n-label"))]["ko"]
    settle(page)
    assert page.locator("#bars button[data-name='7']").get_attribute("aria-label") is not None
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("html")).to_have_attribute("lang", "ko")


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: str(file.name))
def test_no_line_is_wider_than_120_columns(file: Path) -> None:
    assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 120


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


def test_an_image_is_followed_through_the_model(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "#understand")
    page.wait_for_selector("#steps li:nth-child(5)")
    p = [float(cell) for cell in page.locator(".terms td:last-child").all_inner_texts()]
    assert sum(p) == pytest.approx(1, abs=1e-3)
    assert page.locator(".terms .true th").inner_text().startswith("8")  # the lab's sample, test image 3757
    page.locator("#sample").fill("0")
    page.keyboard.press("Enter")
    expect(page.locator(".terms .true th")).to_have_text("7 ← y")


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 1366), ("dark", "ko-KR", 360)])
def test_axe_finds_nothing(browser: Browser, served: Served, scheme: str, locale: str, width: int) -> None:
    page = opened(browser, served, color_scheme=scheme, locale=locale, viewport={"width": width, "height": 800})
    for part in PARTS:
        page.goto(f"{served.url}#{part}")
        page.wait_for_selector(f"#{part}:not([hidden])")
        if part == "draw":
            draw(page, "5")
        page.wait_for_timeout(400)  # transitions end, the walkthrough arrives
        expect(page.locator("#why.stale")).to_have_count(0)  # a map that is out of date is faint
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.context.close()


TEXT_OVER_TEXT = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const boxes = [];
    while (walker.nextNode()) {
        const { textContent, parentElement } = walker.currentNode;
        const { clipPath } = getComputedStyle(parentElement);
        const isVisible = parentElement.checkVisibility({ opacityProperty: true, visibilityProperty: true });
        if (!textContent.trim() || !isVisible || clipPath !== "none") continue;
        if (parentElement.closest(".unseen, .skip, option, [hidden]")) continue;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        for (const { left, top, right, bottom } of range.getClientRects())
            boxes.push([left, top, right, bottom, textContent.trim()]);
    }
    const over = ([l, t, r, b], [u, v, w, x]) => Math.min(r, w) - Math.max(l, u) > 2 && Math.min(b, x) - Math.max(t, v) > 5;
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((c) => over(a, c)).map((c) => [a[4], c[4]]));
}"""
SCREENS = {"phone": (360, 740), "landscape": (740, 360), "tablet": (820, 1180), "zoomed": (683, 450), "laptop": (1366, 900)}


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_no_text_lies_over_other_text_or_beside_the_screen(browser: Browser, served: Served, locale: str) -> None:
    page = opened(browser, served, locale=locale)
    draw(page, "5")
    expect(page.locator("#why-sum .total")).to_be_visible()
    for part in PARTS:
        page.evaluate(f"location.hash = '{part}'")
        page.wait_for_selector(f"#{part}:not([hidden])")
        page.wait_for_timeout(300)
        for name, (width, height) in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(TEXT_OVER_TEXT) == [], (part, name)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (part, name)
    page.context.close()


@pytest.mark.parametrize("screen", ["phone", "landscape", "zoomed"])
def test_sheet_answer_and_map_are_in_sight_together(browser: Browser, served: Served, screen: str) -> None:
    width, height = SCREENS[screen]
    page = opened(browser, served, viewport={"width": width, "height": height})
    draw(page, "5")
    for selector in ("#sheet", "#digit", "#evidence"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= height, selector
    page.context.close()


def test_the_page_is_light(browser: Browser, served: Served) -> None:
    weights: dict[str, int] = {}
    context = browser.new_context()
    page = context.new_page()
    page.on("response", lambda response: weights.update({response.url: len(response.body())}) if "/page/" in response.url else None)
    page.goto(served.url)
    page.wait_for_selector("html[data-ready]")
    document = len(page.request.get(served.url).body())
    assert 20_000 < document + sum(weights.values()) < LARGEST_PAGE
    context.close()
