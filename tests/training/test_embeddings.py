"""Embeddings from a file to a model: trained, evaluated, asked, resumed; against scikit-learn's optimum on the same rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor

import softreg
from softreg.data.forms import numpy_file
from softreg.data.load import load_dataset, load_splits
from softreg.data.memory_map import is_mapped
from softreg.errors import RecipeError, RunError, SoftregError
from softreg.exporting.export import to_bytes
from softreg.inference.answers import answers
from softreg.inference.run_evaluation import evaluate
from softreg.model.serialization import model_from_bytes, model_to_bytes
from softreg.optim.minimize import StopMinimization
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.fit import fit
from softreg.training.reproduce import reproduce
from softreg.training.train import train
from tests.helpers.embeddings import embeddings

NAMES = ("ant", "bee", "cat", "dog", "eel")
L2 = 1e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the same 400 training and 100 test embeddings in several forms."""
    place = tmp_path_factory.mktemp("embeddings")
    (x, y), (x_test, y_test) = embeddings(400), embeddings(100, seed=1)
    arrays = {"train_embeddings": x, "train_labels": y, "test_embeddings": x_test, "test_labels": y_test}
    np.savez(place / "a.npz", allow_pickle=False, **arrays, classes=np.array(NAMES))
    np.savez_compressed(place / "packed.npz", allow_pickle=False, **arrays, classes=np.array(NAMES))
    np.savez(place / "unlabelled.npz", embeddings=x_test)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    save_file({k: v.bfloat16() if v.is_floating_point() else v for k, v in tensors.items()}, place / "bfloat16.safetensors")
    (place / "npy").mkdir()
    for name, array in arrays.items():
        np.save(place / "npy" / f"{name}.npy", array.astype(np.float16) if array.ndim == 2 else array)
    return place


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    recipe = Recipe(dataset=str(folder / "a.npz"), solver="lbfgs", l2=L2, tol=1e-9)
    return train(recipe, folder / "run")


def test_the_optimum_is_scikit_learns(run: Run) -> None:
    x, y = embeddings(400)
    peer = LogisticRegression(C=1 / (400 * L2), tol=1e-9, max_iter=10_000).fit(x.astype(np.float64), y)
    model = run.model()
    assert model.classes == NAMES
    weight = model.linear.weight.detach().numpy()
    np.testing.assert_allclose(weight, peer.coef_, atol=2e-4)
    x_test, y_test = embeddings(100, seed=1)
    assert run.result["evaluation"]["accuracy"] == pytest.approx(peer.score(x_test, y_test))
    assert run.termination.converged
    assert run.recipe.features == "embeddings"


def test_it_is_reproduced_evaluated_and_asked(run: Run, folder: Path) -> None:
    assert reproduce(run).same
    evaluation = evaluate(run)
    assert evaluation.accuracy == run.result["evaluation"]["accuracy"]
    assert evaluate(run, folder / "packed.npz").accuracy == evaluation.accuracy
    lines = [line.strip().split(",") for line in answers(run.model(), folder / "unlabelled.npz", probabilities=True)]
    assert lines[0] == ["ImageId", "Label", *NAMES]
    assert [line[1] for line in lines[1:]] == [NAMES[c] for c in evaluation.predictions.tolist()]
    p = run.model().predict_proba(torch.from_numpy(embeddings(100, seed=1)[0]))
    np.testing.assert_allclose([[float(cell) for cell in line[2:]] for line in lines[1:]], p.numpy(), atol=1e-6)


@pytest.mark.parametrize(("name", "near"), [("packed.npz", 0.0), ("npy", 1e-2), ("bfloat16.safetensors", 0.1)])
@pytest.mark.parametrize("map_from", [0, 2**27])
def test_every_form_has_the_same_rows(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, near: float, map_from: int
) -> None:
    for module in ("numpy_file", "safetensors_file"):
        monkeypatch.setattr(f"softreg.data.forms.{module}.MAP_FROM", map_from)
    again = train(run.recipe.replace({"dataset": str(folder / name)}), tmp_path / "run", figures=False).model()
    torch.testing.assert_close(again.linear.weight, run.model().linear.weight, atol=near, rtol=0)


@pytest.mark.parametrize("name", ["a.npz", "packed.npz", "npy"])
def test_large_rows_are_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plain = load_dataset(folder / name)
    monkeypatch.setattr(numpy_file, "MAP_FROM", 0)
    monkeypatch.setattr("softreg.data.image_store.MAP_FROM", 0)
    mapped = load_dataset(folder / name)
    assert is_mapped(mapped.train.images)
    assert mapped.train.sha256() == plain.train.sha256()
    assert mapped.test.sha256() == plain.test.sha256()


def test_an_interrupted_training_goes_on_bit_for_bit(run: Run, folder: Path) -> None:
    def stop(state: Any) -> None:
        if state.steps == 3:
            raise StopMinimization

    plain = Recipe(dataset=str(folder / "a.npz"), solver="lbfgs", l2=L2, tol=1e-9)
    train(plain, folder / "half", on_step=stop, figures=False)
    resumed = train(run.recipe, folder / "half", resume=True, figures=False)
    assert resumed.result["model_sha256"] == run.result["model_sha256"]
    assert train(plain, folder / "half", resume=True).path == resumed.path  # finished: `pixels` was decided to be embeddings


def test_sgd_and_a_path_of_penalties(folder: Path) -> None:
    sgd = train(Recipe(dataset=str(folder / "a.npz"), epochs=3, batch_size=50, lr=0.01), folder / "sgd", figures=False)
    assert sgd.costs[-1] < sgd.costs[0]
    auto = train(Recipe(dataset=str(folder / "a.npz"), solver="newton", l2="auto", tol=1e-5, certify=True), folder / "auto")
    assert len(auto.result["l2_path"]) > 1
    assert auto.termination.converged
    assert {path.name for path in (auto.path / "figures").iterdir()} == {"confusion.png", "learning-curve.png", "l2-path.png"}


@pytest.mark.parametrize("changed", [{"copies": 1}, {"features": "scattering"}])
def test_what_needs_images_is_refused(folder: Path, changed: dict[str, Any]) -> None:
    recipe = Recipe(dataset=str(folder / "a.npz"), solver="lbfgs", l2=L2).replace(changed)
    with pytest.raises(SoftregError) as caught:
        train(recipe, folder / "refused")
    assert not (folder / "refused").exists()
    assert str(caught.value).count("\n") == 0
    if "features" not in changed:
        assert isinstance(caught.value, RecipeError)
        assert next(iter(changed)) in str(caught.value)


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
def test_calibration_is_a_temperature_from_rows_held_out(folder: Path, tmp_path: Path, solver: str) -> None:
    """A weak penalty overfits and makes the probabilities too sure; the temperature is the likeliest for the last rows."""
    recipe = Recipe(dataset=str(folder / "a.npz"), solver=solver, l2=1e-3, tol=1e-8)
    sure, calibrated = (train(recipe.replace({"calibration": n}), tmp_path / f"{n}", figures=False) for n in (0, 100))
    assert calibrated.result["temperature"] > 1.2
    assert calibrated.result["evaluation"]["nll"] < 0.8 * sure.result["evaluation"]["nll"]
    assert calibrated.model().ood_detector is None
    rows = load_splits(recipe.dataset, seed=recipe.seed, stratify=True).train
    without = fit(recipe, rows[:-100]).model
    z, y = without.logits(rows.images[-100:]).double(), rows.labels[-100:]
    losses = [float(torch.nn.functional.cross_entropy(z / (calibrated.result["temperature"] * f), y)) for f in (0.97, 1.0, 1.03)]
    assert losses[1] == min(losses)
    assert reproduce(calibrated).same


def test_a_model_of_embeddings_reads_no_pictures(run: Run, folder: Path) -> None:
    picture = np.zeros((40, 40), np.uint8)
    for ask in (
        lambda: softreg.predict(picture, run),
        lambda: softreg.explain(picture, run),
        lambda: softreg.export(run, folder / "page.html"),
    ):
        with pytest.raises(RunError, match="trained on embeddings and cannot read pictures"):
            ask()
    with pytest.raises(ValueError, match=r"floats of the shape \(N, 24\)"):
        run.model()(torch.zeros(3, 28, 28))


def test_the_file_of_the_model_is_read_back(run: Run) -> None:
    model = run.model()
    raw, digest = model_to_bytes(model)
    again = model_from_bytes(raw, Path("m"))
    x = torch.from_numpy(embeddings(10)[0])
    assert torch.equal(again(x), model(x))
    assert digest == run.result["model_sha256"]
    session = onnxruntime.InferenceSession(to_bytes(model, "onnx"))
    logits, _ = session.run(None, {"embeddings": x.numpy()})
    np.testing.assert_allclose(logits, model(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda x: torch.from_numpy(x).bfloat16()])
def test_python_passes_them_as_they_are(tmp_path: Path, kind: Any) -> None:
    x, y = embeddings(200)
    rows = kind(x)
    context = pytest.warns(match="rows of 24 numbers|held out")
    with context:
        run = train(Recipe(solver="lbfgs", l2=L2), tmp_path / "run", data=(rows, y), figures=False)
    assert run.recipe.features == "embeddings"
    assert isinstance(rows, np.ndarray | Tensor)
    with pytest.warns(match="held out"):
        assert reproduce(run, data=(rows, y)).same


def test_recipes_that_differ_elsewhere_are_no_continuation(run: Run) -> None:
    other = replace(run.recipe, features="pixels", l2=0.1)
    assert other.as_decided(run.recipe).features == "embeddings"
    assert other.as_decided(run.recipe) != run.recipe
    assert replace(run.recipe, features="scattering").as_decided(run.recipe).features == "scattering"


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
def test_columns_of_any_scale_reach_the_same_minimum(tmp_path: Path, solver: str) -> None:
    (x, y), l2 = embeddings(300, dim=6), 1e-3
    scale, centre = np.array([1e6, 1e-3, 1, 1, 1, 1], np.float32), np.array([1e9, 0, 2000, 0, 0, 0], np.float32)
    far = (x * scale + centre).astype(np.float32)
    np.savez(tmp_path / "far.npz", train_embeddings=far, train_labels=y, test_embeddings=far[:50] + 1, test_labels=y[:50])
    run = train(Recipe(dataset=str(tmp_path / "far.npz"), solver=solver, l2=l2, certify=True), tmp_path / "run", figures=False)
    assert run.termination.converged
    moved = far.astype(np.float64) - far.mean(0, dtype=np.float64)
    peer = LogisticRegression(C=1 / (300 * l2), tol=1e-10, max_iter=10_000, solver="newton-cholesky").fit(moved, y)
    log_p = peer.predict_log_proba(moved)[np.arange(300), y].mean()
    assert run.result["objective"] == pytest.approx(-log_p + l2 / 2 * (peer.coef_**2).sum(), abs=3e-6)
    assert reproduce(run).same


def test_more_columns_than_rows_reach_it_too(tmp_path: Path) -> None:
    (x, y), l2 = embeddings(60, dim=200), 1e-2
    np.savez(tmp_path / "wide.npz", train_embeddings=x, train_labels=y, test_embeddings=x[:20] + 1, test_labels=y[:20])
    run = train(Recipe(dataset=str(tmp_path / "wide.npz"), solver="lbfgs", l2=l2), tmp_path / "run", figures=False)
    peer = LogisticRegression(C=1 / (60 * l2), tol=1e-10, max_iter=10_000).fit(x.astype(np.float64), y)
    log_p = peer.predict_log_proba(x.astype(np.float64))[np.arange(60), y].mean()
    assert run.result["objective"] == pytest.approx(-log_p + l2 / 2 * (peer.coef_**2).sum(), abs=3e-6)
