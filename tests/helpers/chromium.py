"""The Chromium of the system, and a hand that draws on the page in it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.helpers.strokes import NO_DIGITS, STROKES, Point

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here: apt-get install chromium"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def draw(page: Page, what: str) -> None:
    """A digit, or what is none."""
    draw_strokes(page, (STROKES | NO_DIGITS)[what])


def draw_strokes(page: Page, strokes: Sequence[Sequence[Point]], sheet: str = "#ink") -> None:
    """With the mouse, as a hand would."""
    page.locator(sheet).scroll_into_view_if_needed()
    box = page.locator(sheet).bounding_box()
    assert box is not None
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def settle(page: Page) -> None:
    page.wait_for_selector('#bars[aria-busy="false"]')


def painted(page: Page, selector: str) -> str:
    """What a canvas shows."""
    return str(page.locator(selector).first.evaluate("canvas => canvas.toDataURL()"))
