"""The table of models: shipped, named, discovered, damaged."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from softreg.errors import RunError, ServingError
from softreg.recipe import Recipe
from softreg.runs.run import MODEL, Run
from softreg.serving import models
from softreg.serving.models import Models
from softreg.training.train import train
from tests.helpers.live_server import SEVEN, Served, png
from tests.helpers.small_mnist import small_mnist


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_mnist(tmp_path_factory.mktemp("small"), 300, 50))


def test_models_are_described_and_a_run_can_be_chosen(served: Served) -> None:
    status, answer = served.json("GET", "/models")
    assert status == 200
    assert answer["default"] == "mine"
    mine = next(model for model in answer["models"] if model["model"] == "mine")
    assert (mine["features"], mine["solver"], mine["accuracy"]) == ("pixels", "sgd", pytest.approx(0.9226, abs=1e-4))


def test_a_run_that_vanishes_or_is_damaged_leaves_the_others(tutorial_run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("models")
    for name in ("one", "two", "best"):
        shutil.copytree(tutorial_run.path, folder / name)
    (folder / ".one.tmp").mkdir()
    models = Models(folder / "one", folder)
    assert models.default == "one"
    assert {"one", "two"} <= {model["model"] for model in models.describe()["models"]}
    (folder / "two" / "metrics.jsonl").write_text("nonsense")
    described = {model["model"] for model in models.describe()["models"]}
    assert "one" in described
    assert "two" not in described
    shutil.rmtree(folder / "one")
    for _ in range(2):
        assert models.get("one").classes == tuple("0123456789")  # it is in memory
        assert "one" not in {model["model"] for model in models.describe()["models"]}
    with pytest.raises(ServingError, match="no such model"):
        models.get("../one")


def test_a_run_whose_weights_are_damaged_is_skipped_until_it_is_trained_again(tutorial_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tutorial_run.path, tmp_path / "mine")
    weights = (tmp_path / "mine" / MODEL).read_bytes()
    (tmp_path / "mine" / MODEL).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    models = Models(folder=tmp_path)
    assert models.describe()["skipped"] == [{"model": "mine", "reason": "serving.skipped_model"}]
    with pytest.raises(ServingError, match="the model mine cannot be used") as refused:
        models.get("mine")
    assert refused.value.status == 404
    assert models.with_features("pixels") == "tutorial"
    (tmp_path / "mine" / MODEL).unlink()
    (tmp_path / "mine" / MODEL).write_bytes(weights)
    assert models.get("mine").classes == tuple("0123456789")
    assert not models.describe()["skipped"]


def test_without_any_model_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "PRETRAINED", ())
    with pytest.raises(ServingError, match="softreg train"):
        Models(folder=tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"rubbish")
    with pytest.raises(RunError, match="mine"):
        Models(folder=tmp_path)
    with pytest.raises(RunError, match="mine"):
        Models(tmp_path / "mine", tmp_path)


def test_the_models_asked_for_last_are_kept_in_memory(tutorial_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "PRETRAINED", ())
    monkeypatch.setattr(models, "MAX_LOADED", 2)
    for name in "abc":
        shutil.copytree(tutorial_run.path, tmp_path / name)
    table = Models(folder=tmp_path)
    first = table.get("a")
    table.get("b")
    assert table.get("a") is first
    third = table.get("c")  # b goes
    assert table.get("a") is first
    assert table.get("c") is third
    table.get("b")  # a goes
    assert table.get("c") is third
    assert table.get("a") is not first


def test_where_no_model_sees_pixels_the_walk_through_one_is_refused(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "PRETRAINED", ())
    monkeypatch.setattr("softreg.figures.run_figures.save_figures", lambda folder, *_, **__: folder.mkdir())
    train(Recipe(dataset=small, features="deskew", epochs=1), tmp_path / "upright")
    table = Models(folder=tmp_path)
    assert table.with_features("deskew") == "upright"
    (tmp_path / "upright" / MODEL).write_bytes(b"rubbish")  # passed over
    with pytest.raises(ServingError) as refused:
        table.with_features("pixels")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../best", "..%2F..%2Fbest", "file:///etc/passwd", "http://127.0.0.1:1/", "%00", "a" * 5000]
)
def test_a_model_is_never_a_path(served: Served, name: str) -> None:
    status, answer = served.predict(png(np.array(SEVEN, np.uint8)), f"?model={name}")
    assert status == 404
    assert "/etc" not in answer["error"]
