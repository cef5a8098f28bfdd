"""Fixtures shared by many tests: MNIST, read once, and the tutorial's run, trained once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import softreg
from softreg.data.dataset import Splits
from softreg.data.load import load_dataset
from softreg.messages import use_language
from softreg.runs.run import Run
from tests.helpers.small_mnist import small_mnist

settings.register_profile("any machine", deadline=None)  # time limits fail on a busy one
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every test in English, whatever the locale, and reset the language after it."""
    for name in ("LC_ALL", "LC_MESSAGES", "SOFTREG_LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    use_language("en")
    yield
    use_language("en")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run torch on one thread: on small problems several threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def mnist() -> Splits:
    """The bundled MNIST."""
    return load_dataset("mnist")


@pytest.fixture(scope="session")
def tutorial_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the preset `tutorial`, as `softreg train` leaves it."""
    return softreg.train(softreg.Recipe.preset("tutorial"), tmp_path_factory.mktemp("runs") / "tutorial")


@pytest.fixture(scope="session")
def small_idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files: 3,000 training and 500 test images of MNIST."""
    return small_mnist(tmp_path_factory.mktemp("small") / "idx", 3000, 500)
