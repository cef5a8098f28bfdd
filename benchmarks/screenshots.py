"""Takes docs/images/page.NAME.LANGUAGE.webp: the page on a phone and for a projector, several digits, a correction, a training.

`python -m benchmarks.screenshots`, with Chromium and the extra dev.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.record_playground import IMAGES, LOCALES
from tests.helpers.chromium import chromium, draw_strokes, settle
from tests.helpers.live_server import serve
from tests.helpers.strokes import HOOKED_ONE, STROKES, Point


@dataclass(frozen=True)
class Screen:
    """What is shown, in which window and language, and what is done before the picture is taken."""

    name: str
    language: str
    size: tuple[int, int]
    part: str
    prepare: Callable[[Page], None]
    dark: bool = False
    scale: float = 1


def one_digit(page: Page) -> None:
    """A 3, explained."""
    draw_strokes(page, STROKES["3"])
    explained(page)


def several_digits(page: Page) -> None:
    """A 7 and a 3; the 3 is tapped."""
    for n, digit in enumerate("73"):
        draw_strokes(page, [[placed(point, n) for point in stroke] for stroke in STROKES[digit]])
    explained(page)
    page.locator("#digit .one").last.click()
    explained(page)


def correction(page: Page) -> None:
    """A 1 that the tutorial's model is not sure of, learnt."""
    draw_strokes(page, HOOKED_ONE)
    page.locator("#models [data-model=tutorial]").click()
    explained(page)
    page.locator("#meant-class").select_option("1")
    page.locator("#correct").click()
    page.locator("#corrected", has_text="my-digits").wait_for()
    explained(page)


def training(page: Page) -> None:
    """The tutorial's training, to its end."""
    page.locator("#train").click()
    page.locator("#ending:not([hidden])").wait_for()


SCREENS = (
    Screen("phone", "ko", (360, 740), "draw", one_digit, scale=2),
    Screen("phone", "en", (360, 740), "draw", one_digit, scale=2),
    Screen("projector", "en", (1280, 720), "projector/draw", one_digit),
    Screen("projector", "ko", (1280, 720), "projector/draw", one_digit),
    Screen("several", "en", (1366, 900), "draw", several_digits),
    Screen("correction", "en", (1366, 940), "draw", correction),
    Screen("training", "en", (1366, 900), "learn", training, dark=True),
)


def placed(point: Point, n: int) -> Point:
    """A point of the sheet, in the left or the right half of it."""
    x, y = point
    return 0.1 + 0.45 * n + 0.42 * (x - 0.1), 0.25 + 0.6 * (y - 0.1)


def explained(page: Page) -> None:
    """Wait until the map fits the drawing."""
    settle(page)
    page.locator("#why:not(.stale) #why-sum .total").wait_for()


def take(browser: Browser, url: str, screen: Screen) -> Image.Image:
    """The window, as it is then."""
    context = browser.new_context(
        locale=LOCALES[screen.language],
        viewport={"width": screen.size[0], "height": screen.size[1]},
        color_scheme="dark" if screen.dark else "light",
        device_scale_factor=screen.scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}#{screen.part}")
    page.wait_for_selector("html[data-ready]")
    screen.prepare(page)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(600)  # transitions end
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return image


def main() -> None:
    """Serve, take, save."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as served, chromium() as browser:
        for screen in SCREENS:
            path = IMAGES / f"page.{screen.name}.{screen.language}.webp"
            take(browser, served.url, screen).save(path, quality=80, method=6)
            sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
