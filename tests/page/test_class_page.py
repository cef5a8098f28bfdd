"""A page that answers itself with a copy of the server's model, as in a class; what it leaves to the server."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.helpers.chromium import needs_chromium
from tests.helpers.live_server import Served, serve
from tests.helpers.page_tab import COMPLAINTS, answer, draw, served_tab

pytestmark = needs_chromium
MODEL = "handwriting"


@pytest.fixture(scope="module")
def class_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("class"), "--answers", "page") as server:
        yield server


@pytest.fixture
def asked(browser: Browser, class_server: Served) -> Iterator[tuple[Page, list[str]]]:
    """A page that has fetched its model, and what it asks the server to read with this model from then on."""
    page = served_tab(browser, class_server)
    expect(page.locator("#foot-copy")).to_be_visible()
    questions: list[str] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path == "/predict" and parse_qs(parts.query)["model"] == [MODEL]:
            questions.append(parts.query)

    page.on("request", note)
    yield page, questions
    page.context.close()


def test_drawings_and_evidence_are_answered_in_the_page(asked: tuple[Page, list[str]]) -> None:
    page, questions = asked
    for name in ("3", "7"):
        draw(page, name)
        expect(page.locator("#digit")).to_have_text(name)
        expect(page.locator("#why-sum .total")).to_be_visible()
        expect(page.locator("#stages li")).to_have_count(5)
        expect(page.locator("#models [data-model=best] .says")).to_contain_text(name)  # which the server was asked
        page.locator("#clear").click()
    assert not questions


def test_what_the_page_is_not_sure_of_is_read_by_the_server(asked: tuple[Page, list[str]]) -> None:
    page, questions = asked
    for _ in range(2):  # the second over the first: another drawing
        with page.expect_response(lambda response: f"/predict?model={MODEL}" in response.url):
            draw(page, "star")
    assert questions
    page.locator("#clear").click()
    questions.clear()
    draw(page, "5")
    expect(page.locator("#digit")).to_have_text("5")
    expect(page.locator("#why-sum .total")).to_be_visible()
    assert not questions


def test_a_page_reads_itself_when_the_server_has_too_much_to_do(browser: Browser, served: Served) -> None:
    page = served_tab(browser, served)
    COMPLAINTS.clear()
    page.route("**/predict?**", lambda route: route.fulfill(status=503, json={"error": "too many"}))
    draw(page, "7")
    assert answer(page) == "7"
    expect(page.locator("#foot-copy")).to_be_visible()
    expect(page.locator("#error")).to_be_hidden()
    page.context.close()
    COMPLAINTS.clear()  # Chromium writes every 503 to the console


def test_nobody_asks_the_server_before_the_model_is_there_unless_they_draw(browser: Browser, class_server: Served) -> None:
    context = browser.new_context(reduced_motion="no-preference", locale="en-US")
    page = context.new_page()
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/weights?**", hold)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/predict" in request.url else None)
    page.goto(class_server.url)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(2500)  # without a copy on its way, a hand would draw by now
    assert waiting
    assert not asked
    waiting[0].continue_()
    expect(page.locator("#digit")).to_have_text("3")  # which it begins with
    assert not [url for url in asked if f"model={MODEL}" in url]
    context.close()


def test_without_a_copy_the_server_answers(browser: Browser, class_server: Served) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=404, json={"error": "no"})

    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.route("**/weights?**", refuse)
    page.goto(class_server.url)
    page.wait_for_selector("html[data-ready]")
    with page.expect_response(lambda response: f"/predict?model={MODEL}" in response.url):
        draw(page, "2")
    assert answer(page) == "2"
    context.close()
