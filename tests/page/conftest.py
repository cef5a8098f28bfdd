"""A browser, a server and the page in a tab, for the tests of the page."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from softreg.runs.run import Run
from tests.helpers.chromium import chromium
from tests.helpers.live_server import Served, serve
from tests.helpers.page_tab import COMPLAINTS, PATIENCE, served_tab

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")  # no longer: its event loop would be in the way of other tests
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(tutorial_run.path, folder / "runs" / "mine")
    with serve(folder) as server:
        yield server


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The page as it is at first, in a context of its own: it remembers nothing, and what one test leaves hangs no other."""
    page = served_tab(browser, served)
    yield page
    page.context.close()


@pytest.fixture(autouse=True)
def _complaints() -> Iterator[None]:
    """An error, a violation of the policy, or a request to others fails the test."""
    COMPLAINTS.clear()
    yield
    assert not COMPLAINTS
