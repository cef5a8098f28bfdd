"""Every feature map inside a model: what is promised of all of them."""

from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.exporting.export import to_bytes
from softreg.features.registry import IMAGE_MAPS, make_feature_map
from softreg.model.serialization import load_model, model_from_bytes, model_to_bytes, save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.training.fit import fit
from tests.helpers.pooled_features import textures

IMAGES = 120


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("mnist").train[:IMAGES]


@pytest.fixture(scope="module")
def models(digits: Dataset) -> dict[str, SoftmaxRegression]:
    return {name: trained(name, digits) for name in IMAGE_MAPS}


def trained(name: str, data: Dataset) -> SoftmaxRegression:
    return fit(Recipe(features=name, epochs=2, batch_size=20, lr=0.01), data).model


def state(model: SoftmaxRegression) -> dict[str, Tensor]:
    return dict(model.features.state_dict())


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_labels_are_never_seen(models: dict[str, SoftmaxRegression], digits: Dataset, name: str) -> None:
    other = trained(name, replace(digits, labels=digits.labels.roll(1)))
    before, after = state(models[name]), state(other)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not torch.equal(other.linear.weight, models[name].linear.weight)


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_buffers_have_their_shapes_before_they_are_fitted(models: dict[str, SoftmaxRegression], name: str) -> None:
    empty = make_feature_map(name)
    assert {key: (t.shape, t.dtype) for key, t in empty.state_dict().items()} == {
        key: (t.shape, t.dtype) for key, t in state(models[name]).items()
    }
    assert models[name].linear.weight.shape == (10, empty.dim)


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_of_no_images_there_are_no_logits(models: dict[str, SoftmaxRegression], digits: Dataset, name: str) -> None:
    model = models[name]
    with torch.no_grad():
        assert model(digits.images[:0]).shape == (0, 10)
    assert model.logits(digits.images[:0]).shape == (0, 10)


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_evidence_is_the_logit_without_its_bias(models: dict[str, SoftmaxRegression], digits: Dataset, name: str) -> None:
    model, images = models[name], digits.images[:8]
    with torch.no_grad():
        logits = model(images)
        for c in (0, 7):
            shares = model.features.attribute(images, model.linear.weight[c]).double().sum((1, 2))  # (N,)
            torch.testing.assert_close(shares.float(), logits[:, c] - model.linear.bias[c], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_a_model_file_gives_the_same_model_back(
    models: dict[str, SoftmaxRegression], digits: Dataset, tmp_path: Path, name: str
) -> None:
    save_model(models[name], tmp_path / "model.safetensors")
    back = load_model(tmp_path / "model.safetensors")
    assert torch.equal(back.logits(digits.images), models[name].logits(digits.images))


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_quantised_features_are_within_half_a_quantum(models: dict[str, SoftmaxRegression], digits: Dataset, name: str) -> None:
    features = models[name].features
    rows = features.quantised(digits.images)
    assert rows.dtype == features.storage_dtype
    x = features(digits.images)
    if rows.dtype.is_floating_point:
        torch.testing.assert_close(rows.float(), x)
    else:
        bounds = torch.iinfo(rows.dtype)
        exact = (x / features.quantum).clamp(bounds.min, bounds.max)
        torch.testing.assert_close(rows.float(), exact, rtol=0, atol=0.501)


@settings(max_examples=6)
@given(
    st.sampled_from(["patches", "scattering", "both"]),
    st.integers(8, 70),
    st.integers(8, 70),
    st.booleans(),
    st.integers(0, 100),
)
@example("both", 28, 28, False, 0)
@example("both", 28, 28, True, 0)
def test_pictures_of_any_size_and_colour(name: str, height: int, width: int, colour: bool, seed: int) -> None:
    """Standardised features, exact evidence, and the same logits from ONNX."""
    shape = (height, width, 3) if colour else (height, width)
    images = textures(24, shape, seed)
    model = SoftmaxRegression(make_feature_map(name, shape).fit(images, seed), ("a", "b"))
    x = model.features(images)
    assert x.shape == (24, model.features.dim)
    torch.testing.assert_close(x.mean(0), torch.zeros(x.shape[1]), rtol=0, atol=1e-3)
    model.set_theta(torch.randn(2, x.shape[1] + 1, generator=torch.Generator().manual_seed(seed)) / x.shape[1] ** 0.5)
    logits = model.logits(images)
    evidence = model.features.attribute(images, model.linear.weight.detach()[1])
    assert evidence.shape == (24, height, width)
    torch.testing.assert_close(evidence.sum((1, 2)) + model.linear.bias[1].detach(), logits[:, 1], rtol=0, atol=1e-3)
    session = onnxruntime.InferenceSession(to_bytes(model, "onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), logits, rtol=0, atol=1e-3)
    again = model_from_bytes(model_to_bytes(model)[0], Path("model"))
    assert torch.equal(again.logits(images), logits)
