"""The page as one file, opened from the disk with the network off: it asks nobody, and computes what a server would answer."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

import softreg
from softreg.data.dataset import Splits
from softreg.exporting.export import export
from softreg.features.pixels import Pixels
from softreg.messages import catalogue
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import Run
from tests.helpers.chromium import draw, needs_chromium, settle
from tests.helpers.live_server import png
from tests.helpers.page_tab import file_tab
from tests.helpers.strokes import STROKES

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Path:
    path = tmp_path_factory.mktemp("standalone") / "draw.html"
    export(tutorial_run.model(), "html", path)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = file_tab(browser, file)
    yield page
    page.context.close()


def test_ten_digits_are_drawn_and_read_and_the_evidence_adds_up(page: Page) -> None:
    for digit in STROKES:
        if page.locator("#clear").is_enabled():
            page.locator("#clear").click()
        draw(page, digit)
        settle(page)
        expect(page.locator("#digit")).to_have_text(digit)
        page.locator(f"#bars button[data-name='{digit}']").click()
        logit = page.locator(f"#bars button[data-name='{digit}'] .z").inner_text()
        expect(page.locator("#why-sum")).to_contain_text(f"= {logit}")
        numbers = re.findall(r"[+-]\d+\.\d+", page.locator("#why-sum").inner_text().replace("−", "-"))
        *parts, total = map(float, numbers)
        assert sum(parts) == pytest.approx(total, abs=0.02)
    assert page.locator("#stages li").count() == 5


def test_the_model_that_reads_best_reads_and_abstains_in_one_file_too(browser: Browser, tmp_path: Path) -> None:
    export(softreg.load(pretrained_path("handwriting")), "html", tmp_path / "page.html")
    page = file_tab(browser, tmp_path / "page.html")
    for drawing, says in (("4", "4"), ("9", "9"), ("star", "?")):
        if page.locator("#clear").is_enabled():
            page.locator("#clear").click()
        draw(page, drawing)
        settle(page)
        expect(page.locator("#digit")).to_have_text(says)
    expect(page.locator("#sure")).to_contain_text(catalogue("prediction")["novel"]["en"])
    expect(page.locator("#why-sum .total")).to_be_visible()
    page.context.close()


def test_it_speaks_both_languages(page: Page) -> None:
    page.locator("[data-language=ko]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("#draw-title")).to_have_text(catalogue("page")["draw_title"]["ko"])
    draw(page, "7")
    expect(page.locator("#stages li").last).to_have_text(catalogue("pictures")["stage_image"]["ko"])
    expect(page.locator("footer")).to_contain_text(catalogue("page")["foot_alone"]["ko"])


def test_what_needs_a_server_is_not_offered(page: Page) -> None:
    expect(page.locator("nav a:visible")).to_have_count(3)  # no Learn: no images travel along
    expect(page.locator("a[href='/openapi.json']")).to_be_hidden()
    expect(page.locator("#chooser")).to_be_hidden()


def test_understand_follows_the_drawing_through_the_model(page: Page) -> None:
    page.locator("nav a[href='#understand']").click()
    expect(page.locator("#no-steps")).to_have_text(catalogue("page")["draw_first"]["en"])
    page.locator("nav a[href='#draw']").click()
    draw(page, "3")
    expect(page.locator("#why-sum .plus")).to_be_visible()
    page.locator("nav a[href='#understand']").click()
    expect(page.locator(".terms .true th")).to_have_text("3 ← y")
    page.locator("#meant").select_option("8")
    expect(page.locator(".terms .true th")).to_have_text("8 ← y")
    assert sum(map(float, page.locator(".terms td:last-child").all_inner_texts())) == pytest.approx(1, abs=1e-3)


def test_a_picture_of_a_digit_is_opened(page: Page, mnist: Splits) -> None:
    picture = png(mnist.test.images[0].numpy())  # a seven
    page.locator("#open").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": picture})
    expect(page.locator("#digit")).to_have_text("7")


def test_a_reload_keeps_the_drawing_and_a_link_shares_it(browser: Browser, page: Page, file: Path) -> None:
    draw(page, "4")
    address = ""
    while "#draw/" not in address or address != page.url:  # until it has followed the pen
        address = page.url
        settle(page)
        page.wait_for_timeout(500)
    assert len(address) < 400
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#digit")).to_have_text("4")
    page.locator("#clear").click()
    expect(page).to_have_url(re.compile("#draw$"))
    other = file_tab(browser, file)
    other.goto(address)
    expect(other.locator("#digit")).to_have_text("4")
    for odd in ("#draw/AAAA", "#draw/_w", "#draw/%3Cimg%3E", "#draw/" + "A" * 9000, "#nowhere/AAAA"):
        other.goto("about:blank")
        other.goto(file.as_uri() + odd)
        other.wait_for_selector("html[data-ready]")
        assert other.locator("#digit").inner_text() == "–"
    other.context.close()


def test_names_of_classes_are_shown_as_they_are(browser: Browser, tmp_path: Path) -> None:
    classes = ("</script><script>document.title='broken'</script>", "<img src=x onerror=\"document.title='broken'\">")
    model = SoftmaxRegression(Pixels(), classes).eval()
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(0)))
    export(model, "html", tmp_path / "page.html")
    page = file_tab(browser, tmp_path / "page.html")
    draw(page, "0")
    settle(page)
    assert page.locator("#bars .name").all_inner_texts() == list(classes)
    assert page.locator("#bars img, #bars script").count() == 0
    assert "broken" not in page.title()
    page.context.close()


def test_an_empty_sheet_invites_until_it_is_touched(browser: Browser, file: Path) -> None:
    page = file_tab(browser, file, clock=True, reduced_motion="no-preference")
    page.clock.run_for(2600)  # then a hand draws a 3
    expect(page.locator("#sheet.demonstration")).to_be_visible()
    for _ in range(30):
        page.clock.run_for(110)
    expect(page.locator("#digit")).to_have_text("3")
    expect(page.locator("#correction")).to_be_hidden()
    expect(page).to_have_url(re.compile("#draw$|html$"))
    page.clock.run_for(2200)
    for _ in range(26):
        page.clock.run_for(260)
    expect(page.locator("#digit")).to_have_text("8")
    page.locator("#ink").press("ArrowUp")
    expect(page.locator("#sheet.demonstration")).to_have_count(0)
    expect(page.locator("#digit")).to_have_text("–")
    expect(page.locator("#undo")).to_be_disabled()
    page.clock.run_for(60_000)
    expect(page.locator("#digit")).to_have_text("–")
    page.context.close()


def test_a_challenge_comes_with_the_first_drawing_and_is_met(page: Page) -> None:
    expect(page.locator("#challenge")).to_be_hidden()
    draw(page, "4")
    expect(page.locator("#challenge-text")).to_have_text(catalogue("page")["challenge"]["en"].format(**{"from": 4, "to": 9}))
    page.locator("#clear").click()
    draw(page, "9")
    expect(page.locator("#challenge.met #challenge-text")).to_contain_text("It reads 9")
    page.locator("#next-challenge").click()
    expect(page.locator("#challenge:not(.met) #challenge-text")).to_contain_text("reads as 1")
