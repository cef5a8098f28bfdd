"""Training on a network's features, from images to a run and back; the same as training on a file of its embeddings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import softreg
from softreg.data.dataset import Dataset
from softreg.errors import RecipeError, RunError
from softreg.features.registry import make_feature_map
from softreg.inference.explanation import explain_run
from softreg.inference.run_evaluation import evaluate
from softreg.optim.minimize import StopMinimization
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving.models import Models
from softreg.training.fit import fit
from softreg.training.reproduce import reproduce
from softreg.training.train import train
from tests.helpers.http_mirror import Mirror
from tests.helpers.pooled_features import textures
from tests.helpers.small_backbone import DIM, NAME, backbone_mirror

SHAPE, CLASSES = (16, 16, 3), ("calm", "wild", "dark")
RECIPE = Recipe(features=NAME, solver="lbfgs", l2=1e-3)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with pytest.MonkeyPatch.context() as monkeypatch, backbone_mirror(monkeypatch, tmp_path_factory.mktemp("cache")) as served:
        yield served


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coloured textures of three kinds in an NPZ."""
    labels = np.arange(150) % 3
    images = textures(150, SHAPE, 0).numpy() // np.array([2, 1, 5], np.uint8)[labels, None, None, None]
    path = tmp_path_factory.mktemp("data") / "textures.npz"
    parts: dict[str, Any] = {
        "train_images": images[:120],
        "test_images": images[120:],
        "train_labels": labels[:120],
        "test_labels": labels[120:],
    }
    np.savez(path, allow_pickle=False, classes=np.array(CLASSES), **parts)
    return path


@pytest.fixture(scope="module")
def run(served: Mirror, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(RECIPE.replace({"dataset": str(dataset)}), tmp_path_factory.mktemp("runs") / "run")


def test_it_learns_and_is_evaluated_asked_and_reproduced(run: Run, served: Mirror, dataset: Path) -> None:
    assert run.termination.converged
    assert run.model().linear.weight.shape == (3, DIM)
    assert run.result["evaluation"]["accuracy"] > 0.5
    assert evaluate(run).accuracy == run.result["evaluation"]["accuracy"]
    assert reproduce(run).same
    picture = np.asarray(np.load(dataset)["test_images"][0])
    assert softreg.predict(picture, run).probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert len(served.asked) == 1
    assert {path.name for path in (run.path / "figures").iterdir()} == {
        "confusion.png",
        "learning-curve.png",
        "test-sample.png",
        "worst-mistakes.png",
    }


def test_the_weights_are_those_of_a_probe_on_its_embeddings(run: Run, dataset: Path, tmp_path: Path) -> None:
    arrays = np.load(dataset)
    features = make_feature_map(NAME, SHAPE).fit(torch.from_numpy(arrays["train_images"]), 0)
    rows = {f"{part}_embeddings": features(torch.from_numpy(arrays[f"{part}_images"])).numpy() for part in ("train", "test")}
    labels = {name: arrays[name] for name in ("train_labels", "test_labels", "classes")}
    np.savez(tmp_path / "probe.npz", allow_pickle=False, **rows, **labels)
    probe = train(Recipe(dataset=str(tmp_path / "probe.npz"), solver="lbfgs", l2=1e-3), tmp_path / "probe", figures=False)
    assert probe.result["objective"] == pytest.approx(run.result["objective"], abs=2e-6)
    assert probe.result["evaluation"]["accuracy"] == run.result["evaluation"]["accuracy"]


def test_an_interrupted_training_goes_on_bit_for_bit(run: Run, tmp_path: Path) -> None:
    def stop(state: Any) -> None:
        if state.steps == 2:
            raise StopMinimization

    train(run.recipe, tmp_path / "half", on_step=stop, figures=False)
    resumed = train(run.recipe, tmp_path / "half", resume=True, figures=False)
    assert resumed.result["model_sha256"] == run.result["model_sha256"]


def test_grey_images_with_a_detector_of_what_is_none(served: Mirror, tmp_path: Path) -> None:
    images, labels = textures(160, (28, 28), 1), torch.arange(160) % 2
    images[labels == 1] //= 3
    with pytest.warns(match="32 of the 160 images are held out"):
        run = train(RECIPE.replace({"calibration": 40}), tmp_path / "run", data=(images, labels), figures=False)
    model = run.model()
    assert model.ood_detector is not None
    assert run.result["temperature"] > 0
    assert softreg.predict(np.zeros((28, 28), np.uint8), run).to_json()["probability"] <= 1
    with pytest.raises(RunError, match="is a deep network"):  # the page shows evidence
        Models(run.path)


def test_what_needs_evidence_is_refused_with_a_line(run: Run, dataset: Path, tmp_path: Path) -> None:
    picture = np.asarray(np.load(dataset)["test_images"][0])
    for name in ("onnx", "html", "web"):
        with pytest.raises(RunError, match="is a deep network"):
            softreg.export(run, tmp_path / f"model.{name}", name)
    with pytest.raises(RunError, match="is a deep network"):
        softreg.explain(picture, run)
    with pytest.raises(RunError, match="is a deep network"):
        explain_run(run)
    softreg.export(run, tmp_path / "model.npz")
    softreg.export(run, tmp_path / "model.json")
    assert json.loads((tmp_path / "model.json").read_text())["features"] == NAME


def test_a_dataset_of_embeddings_has_no_use_for_a_network(tmp_path: Path) -> None:
    rows = torch.randn(60, 8)
    with pytest.raises(RecipeError, match="computed from images"):
        fit(RECIPE, Dataset(rows, torch.arange(60) % 3, CLASSES, "rows"))
