"""The page as a folder on a server of files: it asks that server alone, and learns in a thread of its own."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from softreg.exporting.export import export
from softreg.runs.run import Run
from tests.helpers.chromium import draw, needs_chromium, settle
from tests.helpers.page_tab import tab

pytestmark = needs_chromium


class Quiet(SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@pytest.fixture
def url(tmp_path: Path, tutorial_run: Run) -> Iterator[str]:
    export(tutorial_run.model(), "web", tmp_path / "site", images=1000)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "site"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_it_draws_and_learns(browser: Browser, url: str) -> None:
    page = tab(browser, url, (url, "data:"))
    draw(page, "3")
    settle(page)
    expect(page.locator("#digit")).to_have_text("3")
    page.locator("nav a[href='#learn']").click()
    page.locator("#train").click()
    page.wait_for_selector("#use:not([hidden])")
    assert float(page.locator("#accuracy-now").inner_text().split()[0]) > 70
    page.context.close()
