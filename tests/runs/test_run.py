"""A run folder is read with every check: whatever is in it, only softreg's own errors come out."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import softreg
from softreg.errors import RecipeError, RunError, SoftregError
from softreg.recipe import Recipe
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import (
    ENVIRONMENT,
    METRICS,
    MODEL,
    RECIPE,
    Run,
    default_run_dirs,
    ensure_available,
    finished_run,
    open_run,
)
from softreg.training.train import train
from tests.helpers.small_mnist import small_mnist


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run, small."""
    folder = tmp_path_factory.mktemp("whole")
    train(Recipe(dataset=str(small_mnist(folder / "data", 300, 50)), epochs=2), folder / "run", figures=False)
    return {name: (folder / "run" / name).read_bytes() for name in (MODEL, RECIPE, METRICS, ENVIRONMENT)}


@pytest.fixture
def run(whole: dict[str, bytes], tmp_path: Path) -> Run:
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
    return open_run(tmp_path)


READERS = {METRICS: ("metrics", "costs", "result", "termination"), RECIPE: ("recipe",), ENVIRONMENT: ("environment",)}


def read_all(run: Run, name: str) -> Any:
    return [getattr(run, reader) for reader in READERS[name]]


def test_a_run_is_read_back(run: Run) -> None:
    assert run.recipe.epochs == len(run.costs) == 2
    assert run.termination.converged
    assert run.result["evaluation"]["n"] == 50
    assert run.environment["libraries"]["torch"]
    model = softreg.load(run.path)
    assert model.classes == tuple("0123456789")
    assert not model.training


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{tmp_path}: not a run"):
        open_run(tmp_path)


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{tmp_path}/a+: .*name too long"):
        open_run(tmp_path / ("a" * 300))


def test_a_missing_file_is_reported_with_the_systems_message(run: Run) -> None:
    (run.path / RECIPE).unlink()
    with pytest.raises(RunError, match=f"{run.path / RECIPE}: .*: No such file or directory"):
        _ = run.recipe


def test_the_resolved_recipe_has_the_chosen_penalty(run: Run) -> None:
    assert run.resolved_recipe == run.recipe
    chosen = Recipe(dataset=run.recipe.dataset, solver="lbfgs", l2="auto")
    (run.path / RECIPE).write_text(chosen.to_toml())
    change(run.path / METRICS, l2=0.03)
    assert run.resolved_recipe == chosen.replace({"l2": 0.03})
    change(run.path / METRICS, l2="auto")
    with pytest.raises(RunError, match="l2"):
        _ = run.resolved_recipe


def test_what_comes_with_softreg_is_a_run() -> None:
    for path in (pretrained_path("tutorial"), "tutorial"):
        assert open_run(path).model().classes == tuple("0123456789")


def test_a_run_without_metrics_has_no_result(run: Run) -> None:
    (run.path / METRICS).write_bytes(b"")
    with pytest.raises(RunError, match=METRICS):
        _ = run.result


def test_a_finished_run_is_distinguished_from_an_interrupted_one(run: Run, tmp_path: Path) -> None:
    assert finished_run(run.path) == run
    change(run.path / METRICS, ending={"key": "interrupted", "converged": False, "facts": {"steps": 1}})
    assert finished_run(run.path) is None
    assert finished_run(tmp_path / "none") is None


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", ["missing", "empty", "folder", "pipe", "binary", "deep", "list", "too large"])
def test_damaged_texts_are_refused(run: Run, name: str, damage: str) -> None:
    path = run.path / name
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "too large":
        with path.open("wb") as file:
            file.truncate(2**33)
    elif damage != "missing":
        path.write_bytes({"empty": b"", "binary": b"\xff\xfe\x00", "deep": b"a=" + b"[" * 10**5, "list": b"[1]"}[damage])
    if (name, damage) == (RECIPE, "empty"):
        assert run.recipe == Recipe()
        return
    for reader in READERS[name]:
        if (reader, damage) in {("metrics", "empty"), ("costs", "empty")}:
            continue
        with pytest.raises((RunError, RecipeError), match=str(path)):
            getattr(run, reader)


def change(path: Path, **changes: Any) -> None:
    *lines, last = path.read_text().splitlines()
    path.write_text("".join(line + "\n" for line in [*lines, json.dumps(json.loads(last) | changes)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"ending": None},
        {"ending": {}},
        {"ending": {"key": "nothing", "converged": True, "facts": {}}},
        {"ending": {"key": "epochs_done", "converged": True, "facts": {}}},
        {"ending": {"key": "epochs_done", "converged": 1, "facts": {"epochs": 2}}},
        {"ending": {"key": "worse_than_guessing", "converged": True, "facts": {"cost": "a", "guessing": [], "lr": 1}}},
    ],
)
def test_an_ending_that_says_nothing_is_refused(run: Run, changes: dict[str, Any]) -> None:
    change(run.path / METRICS, **changes)
    with pytest.raises(RunError):
        _ = run.termination


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[1]", "list"),
        (b"{", "Expecting property name"),
        (b"{}", "libraries"),
        (b'{"libraries": 1}', "libraries"),
        (b"\xff", "utf-8"),
    ],
)
def test_a_refusal_says_what_and_where(run: Run, content: bytes, why: str) -> None:
    (run.path / ENVIRONMENT).write_bytes(content)
    with pytest.raises(RunError, match=rf"{run.path / ENVIRONMENT}.*{why}"):
        _ = run.environment


def test_strings_of_a_run_steer_no_terminal(run: Run) -> None:
    environment = run.environment
    environment["processor"] = "\x1b]0;title\x07a processor"
    environment["libraries"]["torch\x9b2J"] = "\x7f"
    (run.path / ENVIRONMENT).write_text(json.dumps(environment))
    assert run.environment["processor"] == "\ufffd]0;title\ufffda processor"
    assert run.environment["libraries"]["torch\ufffd2J"] == "\ufffd"


@pytest.mark.parametrize("key", ["objective", "train_seconds"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_results_that_are_not_finite_are_refused(run: Run, key: str, value: str) -> None:
    *steps, last = (run.path / METRICS).read_text().splitlines()
    (run.path / METRICS).write_text("\n".join([*steps, json.dumps(json.loads(last) | {key: float(value)})]))
    with pytest.raises(RunError, match=f"{METRICS}.*{key}"):
        _ = run.result


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_gives_a_value_or_our_own_error(run: Run, whole: dict[str, bytes], name: str, data: st.DataObject) -> None:
    raw = bytearray(whole[name])
    start = data.draw(st.integers(0, len(raw)))
    raw[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    (run.path / name).write_bytes(raw)
    for reader in READERS[name]:
        with suppress(SoftregError):
            getattr(run, reader)


def test_what_is_in_the_way(run: Run, tmp_path: Path) -> None:
    ensure_available(tmp_path / "none", force=False)
    with pytest.raises(RunError, match=rf"{run.path}.*--force"):
        ensure_available(run.path, force=False)
    ensure_available(run.path, force=True)
    (tmp_path / "precious").mkdir()
    with pytest.raises(RunError, match=rf"{tmp_path / 'precious'}.*not a run"):
        ensure_available(tmp_path / "precious", force=True)
    for unnamed in (Path(), Path("/")):
        with pytest.raises(RunError, match="choose another --out"):
            ensure_available(unnamed, force=True)


def test_default_folders_are_numbered() -> None:
    names = default_run_dirs("best")
    assert [str(next(names)) for _ in range(3)] == ["runs/best", "runs/best-2", "runs/best-3"]
