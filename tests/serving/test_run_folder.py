"""A training begun on the page is saved in the first free folder, and leaves nothing but whole runs behind."""

from pathlib import Path
from typing import NoReturn

import pytest

from softreg.errors import ServingError
from softreg.optim.solver import State
from softreg.recipe import Recipe
from softreg.serving import run_folder
from softreg.serving.run_folder import train_in_free_folder
from tests.helpers.small_mnist import small_mnist


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_mnist(tmp_path_factory.mktemp("small"), 300, 50))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def nothing(state: State) -> None:
    """No step is of interest."""


def test_the_first_free_folder_is_taken(small: str, runs: Path) -> None:
    (runs / "sgd-2").mkdir(parents=True)  # no run: somebody's
    recipe = Recipe(dataset=small, epochs=1)
    assert [train_in_free_folder(recipe, nothing).path.name for _ in range(2)] == ["sgd", "sgd-3"]
    assert names(runs) == {"sgd", "sgd-2", "sgd-3"}
    assert not names(runs / "sgd-2")


def test_an_unfinished_run_of_somebody_is_not_touched(small: str, runs: Path) -> None:
    (runs / ".sgd.unfinished").mkdir(parents=True)
    (runs / ".sgd.unfinished" / "recipe.toml").write_text("")
    assert train_in_free_folder(Recipe(dataset=small, epochs=1), nothing).path.name == "sgd-2"
    assert names(runs / ".sgd.unfinished") == {"recipe.toml"}


def test_a_training_that_fails_leaves_nothing(small: str, runs: Path) -> None:
    def fail(state: State) -> NoReturn:
        raise OSError(28, "No space left")

    with pytest.raises(OSError, match="No space left"):
        train_in_free_folder(Recipe(dataset=small, epochs=2), fail)
    assert not names(runs)


def test_no_more_than_so_many_runs_are_made(small: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "MAX_RUNS", 2)
    for name in ("sgd", "sgd-2"):
        (runs / name).mkdir(parents=True)
    with pytest.raises(ServingError, match="remove some"):
        train_in_free_folder(Recipe(dataset=small, epochs=1), nothing)
    assert names(runs) == {"sgd", "sgd-2"}
