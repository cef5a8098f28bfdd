"""Records docs/images/playground.*.webp: a digit is drawn on the page, and the answer follows the pen.

`python -m benchmarks.record_playground`, with Chromium and the extra dev.
"""

import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from softreg.messages import LANGUAGES
from tests.helpers.strokes import STROKES

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LOCALES = {"en": "en-US", "ko": "ko-KR"}
DIGIT, RUNNER_UP = "3", "8"
WIDTH, HEIGHT = 1240, 740  # of the page; the picture is SCALE of it
SCALE = 0.66
FRAME, LAST = 160, 2800  # milliseconds


def main() -> None:
    """Serve, draw, save; one recording for each language."""
    server = subprocess.Popen(
        [sys.executable, "-m", "softreg", "serve", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for language in LANGUAGES:
                context = browser.new_context(
                    locale=LOCALES[language], viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
                )
                page = context.new_page()
                page.goto(url)
                page.wait_for_selector("html[data-ready]")
                path = IMAGES / f"playground.{language}.webp"
                save(record(page), path)
                sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")
            browser.close()
    finally:
        server.terminate()
        server.wait()


def record(page: Page) -> list[Image.Image]:
    """The page after every movement of the pen, then with the runner-up's evidence."""
    box = page.locator("#ink").bounding_box()
    assert box is not None
    frames = [shot(page)]
    for stroke in STROKES[DIGIT]:
        corners = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in corners[1:]:
            page.mouse.move(*corner, steps=3)
            page.wait_for_timeout(350)  # the answer arrives
            frames.append(shot(page))
        page.mouse.up()
    page.wait_for_timeout(1500)
    frames.append(shot(page))
    page.locator(f"#bars :text-is('{RUNNER_UP}')").first.click()
    page.wait_for_timeout(1000)
    return [*frames, shot(page)]


def shot(page: Page) -> Image.Image:
    """The window, smaller."""
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return image.resize((round(WIDTH * SCALE), round(HEIGHT * SCALE)), Image.Resampling.LANCZOS)


def save(frames: list[Image.Image], path: Path) -> None:
    """An animation that stands still on its last two frames, and repeats."""
    durations = [FRAME] * (len(frames) - 2) + [LAST, LAST]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=80, method=6)


if __name__ == "__main__":
    main()
