"""A tab of Chromium with the page in it; what goes wrong there is kept for the tests to see."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.helpers.chromium import draw as draw_by_hand
from tests.helpers.chromium import settle
from tests.helpers.live_server import Served

COMPLAINTS: list[str] = []  # what pages threw, wrote to their consoles as an error, or asked of somebody they should not
PATIENCE = 60_000  # milliseconds: another process may be busy


def tab(
    browser: Browser, address: str, allowed: tuple[str, ...], *, offline: bool = False, clock: bool = False, **options: Any
) -> Page:
    """The page at an address, ready, in a context of its own; requests that do not begin with one of `allowed` are complaints.

    Motion is reduced unless asked for: no hand draws on the sheet but the test's. With `clock`, the page's timers are the test's.
    """
    context = browser.new_context(
        **({"locale": "en-US", "viewport": {"width": 1366, "height": 900}, "reduced_motion": "reduce"} | options)
    )
    context.set_offline(offline)
    page = context.new_page()
    if clock:
        page.clock.install()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: COMPLAINTS.append(str(error)))
    page.on("console", lambda message: COMPLAINTS.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(allowed) else COMPLAINTS.append(request.url))
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    return page


def served_tab(browser: Browser, served: Served, part: str = "draw", **options: Any) -> Page:
    """The page as a server sends it; it asks nobody else."""
    return tab(browser, f"{served.url}#{part}", (served.url, "data:", "blob:"), **options)


def file_tab(browser: Browser, file: Path, **options: Any) -> Page:
    """The page as one file, with the network off; it asks nobody."""
    return tab(browser, file.as_uri(), ("file:", "data:", "blob:"), offline=True, **options)


def draw(page: Page, what: str) -> None:
    """A digit, or what is none; answered."""
    draw_by_hand(page, what)
    settle(page)


def answer(page: Page) -> str:
    return page.locator("#digit").inner_text()
