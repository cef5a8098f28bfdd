"""A browser for the tests of the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.helpers.chromium import chromium


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other modules
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened
