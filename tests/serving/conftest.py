"""A server that many modules ask."""

import shutil
from collections.abc import Iterator

import pytest

from softreg.runs.run import Run
from tests.helpers.live_server import Served, serve


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tutorial_run: Run) -> Iterator[Served]:
    """A server whose default model is the tutorial's run."""
    folder = tmp_path_factory.mktemp("api")
    shutil.copytree(tutorial_run.path, folder / "runs" / "mine")
    with serve(folder, "--model", "runs/mine") as server:
        yield server
