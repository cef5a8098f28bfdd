"""The page as the server sends it: languages, sizes of screens, axe, weight."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from softreg.messages import catalogue
from tests.helpers.chromium import needs_chromium, settle
from tests.helpers.live_server import Served
from tests.helpers.page_tab import draw, served_tab

pytestmark = needs_chromium
PAGE = Path(__file__).parents[2] / "src/softreg/page/static"
PARTS = ("draw", "learn", "symbols", "understand")
LARGEST_PAGE = 300_000  # bytes


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
    page = served_tab(browser, served, color_scheme=scheme, locale=locale, viewport={"width": width, "height": 800})
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
    page = served_tab(browser, served, locale=locale)
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
    page = served_tab(browser, served, viewport={"width": width, "height": height})
    draw(page, "5")
    for selector in ("#sheet", "#digit", "#evidence"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= height, selector
    page.context.close()


SMALL_TEXT = """(least) => [...document.querySelectorAll("main *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .filter((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !e.closest(".unseen, option"))
    .filter((e) => parseFloat(getComputedStyle(e).fontSize) < least).map((e) => e.textContent)"""


def test_a_projector_is_read_from_the_last_row_and_the_address_says_so(browser: Browser, served: Served) -> None:
    page = served_tab(browser, served, viewport={"width": 1280, "height": 720})
    page.locator("#ink").press("p")
    expect(page.locator("#projector")).to_have_attribute("aria-pressed", "true")
    draw(page, "3")
    expect(page.locator("#why-sum .total")).to_be_visible()
    expect(page).to_have_url(re.compile("#projector/draw/"))
    for width, height in ((1280, 720), (1024, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(SMALL_TEXT, 16.5 * height / 768) == []  # a letter takes a 45th of the height at least
        assert page.evaluate(TEXT_OVER_TEXT) == []
        for selector in ("#sheet", "#bars", "#evidence", "#why-sum"):
            box = page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, (selector, width)
    page.locator("nav a[data-part=learn]").click()
    expect(page).to_have_url(re.compile("#projector/learn$"))
    assert page.evaluate(TEXT_OVER_TEXT) == []
    page.locator("#projector").click()
    expect(page).to_have_url(re.compile("#learn$"))
    expect(page.locator("html[data-projector]")).to_have_count(0)
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
