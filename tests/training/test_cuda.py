"""On a CUDA device, where there is one: the same table, optimum, features, detectors and answers as on the CPU."""

from pathlib import Path

import numpy as np
import pytest
import torch

import softreg
from softreg.data.dataset import Splits
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.imaging.picture import read_picture
from softreg.inference.prediction import predict
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load
from softreg.training.fit import TrainState, fit
from tests.helpers.lab_table import LAB_COSTS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "photo.jpg"
# `both` is a part of `views`
MAPS = [name for name, info in FEATURE_MAPS.items() if info.has_evidence and name not in {"embeddings", "both"}]
OPTIMUM = Recipe(solver="lbfgs", l2=1e-3, tol=1e-7, certify=True)


def test_the_labs_table(mnist: Splits) -> None:
    fitted = fit(Recipe(device="cuda"), mnist.train)
    np.testing.assert_allclose(fitted.costs, LAB_COSTS, rtol=0, atol=1e-4)
    assert fitted.model.linear.weight.is_cuda


@pytest.mark.parametrize(
    "changes", [{}, {"solver": "newton"}, {"label_smoothing": 0.1}, {"class_weight": "balanced"}, {"copies": 1}]
)
def test_the_optimum(changes: dict[str, object], mnist: Splits) -> None:
    recipe, data = OPTIMUM.replace(changes), mnist.train[:10_000]
    here, there = (fit(recipe.replace({"device": device}), data) for device in ("cpu", "cuda"))
    assert there.termination.converged
    assert float(str(there.termination.params["proven"])) <= recipe.tol
    assert there.objective == pytest.approx(here.objective, rel=0, abs=2 * recipe.tol)


@pytest.mark.parametrize("name", MAPS)
def test_features(name: str, mnist: Splits) -> None:
    images = mnist.train.images[:3000]
    here = make_feature_map(name, (28, 28)).fit(images, 777)
    features = here(images[:200])
    there = here.to("cuda")(images[:200].cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), features, rtol=1e-3, atol=1e-3 * float(features.abs().max()))


@pytest.mark.parametrize("name", MAPS)
def test_a_map_fitted_there_serves_here(name: str, mnist: Splits) -> None:
    recipe = Recipe(solver="lbfgs", l2=1e-3, features=name, device="cuda", calibration=1000)
    model = fit(recipe, mnist.train[:5000]).model
    images = mnist.test.images[:1000]
    logits, novelty = model.logits_and_novelty(images.cuda())
    here, novelty_here = model.cpu().logits_and_novelty(images)
    torch.testing.assert_close(logits.cpu(), here, rtol=1e-3, atol=1e-2)
    assert novelty is not None
    assert novelty_here is not None
    torch.testing.assert_close(novelty.cpu(), novelty_here, rtol=1e-2, atol=5e-2)
    assert (here.argmax(1) == mnist.test.labels[:1000]).float().mean() > 0.85


def test_a_training_cut_short_is_resumed_bit_for_bit(mnist: Splits) -> None:
    recipe, states = OPTIMUM.replace({"device": "cuda"}), list[TrainState]()
    whole = fit(recipe, mnist.train[:5000], on_checkpoint=states.append)
    resumed = fit(recipe, mnist.train[:5000], resume_from=states[len(states) // 2])
    assert torch.equal(resumed.model.linear.weight, whole.model.linear.weight)


def test_a_run_trained_there_is_read_here(mnist: Splits, tmp_path: Path) -> None:
    data = Splits(mnist.train[:5000], mnist.test[:500])
    run = softreg.train(Recipe(device="cuda", epochs=3), tmp_path / "run", data=data)
    model: SoftmaxRegression = run.model()
    assert not model.linear.weight.is_cuda
    right = model.logits(data.test.images).argmax(1) == data.test.labels
    assert right.float().mean().item() == pytest.approx(run.result["evaluation"]["accuracy"], abs=0.0021)  # one image


@pytest.mark.parametrize("name", ["best", "handwriting"])
def test_a_picture_is_read_alike(name: str) -> None:
    model, picture = load(pretrained_path(name)), read_picture(PHOTO)
    (here,) = predict(model, [picture])
    (there,) = predict(model.cuda(), [picture])
    assert there.label == here.label
