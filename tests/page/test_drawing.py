"""Drawing on the page as the server sends it: by scripted strokes, by keys, by a pen, with pictures."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from softreg.data.dataset import Splits
from softreg.messages import catalogue
from tests.helpers.chromium import draw_strokes, needs_chromium, painted, settle
from tests.helpers.live_server import Served, png
from tests.helpers.page_tab import answer, draw, served_tab
from tests.helpers.strokes import NO_DIGITS, STROKES

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def tab(browser: Browser, served: Served) -> Iterator[Page]:
    page = served_tab(browser, served)
    yield page
    page.context.close()


def explained(page: Page, name: str) -> None:
    """Tap a class, and wait until the evidence is of the drawing as it is: its sum is the logit of the bar."""
    bar = page.locator(f"#bars button[data-name='{name}']")
    bar.click()
    expect(page.locator("#why-sum")).to_contain_text(f"= {bar.locator('.z').inner_text()}")


def terms(page: Page) -> list[float]:
    """The numbers of the sum beneath the map: for, against, bias, total."""
    return [float(number) for number in re.findall(r"[+-]\d+\.\d+", page.locator("#why-sum").inner_text().replace("−", "-"))]


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
    expect(page.locator("#digit")).to_contain_text("?")
    reason = re.compile("|".join(re.escape(catalogue("prediction")[key]["en"]) for key in ("novel", "doubtful")))
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


def test_each_of_several_digits_is_tapped_for_its_own_bars_and_map(page: Page) -> None:
    for n, digit in enumerate("73"):
        draw_strokes(page, [[(0.1 + 0.45 * n + 0.42 * (x - 0.1), 0.25 + 0.6 * (y - 0.1)) for x, y in s] for s in STROKES[digit]])
    settle(page)
    assert page.locator("#digit .one").all_inner_texts() == ["7", "3"]
    expect(page.locator("#digit .one[aria-pressed=true]")).to_have_count(1)
    maps = set()
    for n, digit in enumerate("73"):
        page.locator("#digit .one").nth(n).click()
        leading = page.locator("#bars .first")
        expect(leading).to_have_attribute("data-name", digit)
        expect(page.locator("#sure")).to_contain_text(f"digit {n + 1} of 2")
        expect(page.locator("#why:not(.stale) #why-title")).to_contain_text(f"Why {digit}")
        explained(page, digit)
        maps.add(painted(page, "#evidence"))
        page.locator(f"#bars button[data-name='{digit}']").click()
    assert len(maps) == 2
