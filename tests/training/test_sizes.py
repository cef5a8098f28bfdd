"""Images of other sizes and in colour: the same optimum as scikit-learn, and every part of the product goes with them."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import softreg
from softreg.data.augmentation import augment
from softreg.data.dataset import Dataset, Splits
from softreg.errors import DataError, RecipeError, RunError
from softreg.exporting.export import export
from softreg.features.registry import make_feature_map
from softreg.inference.explanation import explain_run
from softreg.model.serialization import load_model, model_from_bytes, model_to_bytes
from softreg.recipe import Recipe
from softreg.training.reproduce import reproduce

SHAPES = [(8, 8), (9, 14), (30, 20), (12, 10, 3)]


def blobs(shape: tuple[int, ...], n: int = 240, seed: int = 0) -> Dataset:
    """Three classes, each a bright spot at its own place (in colour, of its own colour), in noise."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    images = random.integers(0, 90, (n, *shape))
    row, column = shape[0] // 3, shape[1] // 3
    for image, label in zip(images, labels, strict=True):
        spot = image[row * label : row * label + 3, column * label : column * label + 3]
        spot[...] = random.integers(60, 256, spot.shape)
    return Dataset(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels), ("rot", "grün", "b"), "blobs")


def short_run(shape: tuple[int, ...], folder: Path) -> softreg.Run:
    data = Splits(blobs(shape), blobs(shape, 20))
    return softreg.train(Recipe(epochs=1, batch_size=50), folder / "run", data=data, figures=False)


@pytest.mark.parametrize(
    ("features", "shape"), [("pixels", shape) for shape in SHAPES] + [("deskew", shape) for shape in SHAPES if len(shape) == 2]
)
def test_the_optimum_is_scikit_learns(shape: tuple[int, ...], features: str, tmp_path: Path) -> None:
    data, test, l2 = blobs(shape), blobs(shape, 60, seed=1), 1e-2
    recipe = Recipe(features=features, solver="newton", l2=l2, tol=1e-10)
    run = softreg.train(recipe, tmp_path / "run", data=Splits(data, test))
    x = make_feature_map(features, shape)(data.images).double().numpy()
    theirs = LogisticRegression(C=1 / (l2 * len(data)), tol=1e-10, max_iter=10_000).fit(x, data.labels.numpy())
    model = softreg.load(run.path)
    assert np.abs(model.linear.weight.detach().numpy() - theirs.coef_).max() < 2e-4
    assert model.image_shape == shape
    logits = model(test.images)
    assert softreg.evaluate(run, test).accuracy == run.result["evaluation"]["accuracy"] > 0.8
    assert torch.equal(model(test.images.float() / 255), logits)
    assert reproduce(run, data=Splits(data, test)).same
    assert {path.name for path in (run.path / "figures").iterdir()} >= {"class-templates.png", "confusion.png", "test-sample.png"}
    export(model, "onnx", tmp_path / "m.onnx")
    (found,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(["logits"], {"images": test.images.numpy()})
    assert np.abs(found - logits.detach().numpy()).max() < 1e-4
    evidence = model.features.attribute(test.images, model.linear.weight.detach()[1])
    assert evidence.shape == (60, *shape[:2])
    assert torch.allclose(evidence.sum((1, 2)) + model.linear.bias[1], logits[:, 1], atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_file_keeps_its_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    run = short_run(shape, tmp_path)
    raw, _ = model_to_bytes(run.model())
    assert f'"image_shape":"[{", ".join(map(str, shape))}]"'.encode() in raw
    assert model_to_bytes(load_model(run.path / "model.safetensors"))[0] == raw
    for other in (b"[28, 28]", b"[0, 8]", b"[8]", b'"x"', b"[9999, 9999]"):
        text = f'"image_shape":"[{", ".join(map(str, shape))}]"'.encode()
        changed = raw.replace(text, b'"image_shape":"' + other.replace(b'"', b'\\"') + b'"')
        with pytest.raises(RunError):
            model_from_bytes(changed, tmp_path)


def test_a_map_for_grey_images_says_what_to_choose() -> None:
    with pytest.raises(RecipeError, match="deskew take grey images, not 28 x 28 x 3; choose one of pixels, patches"):
        make_feature_map("deskew", (28, 28, 3))


@pytest.mark.parametrize("shape", SHAPES)
def test_augmentation_of_any_size(shape: tuple[int, ...]) -> None:
    data = blobs(shape, 20)
    more = augment(data, 2, seed=1)
    assert torch.equal(more.images[::3], data.images)
    assert more.images.shape == (60, *shape)
    difference = (more.images[1::3].float() - data.images.float()).abs().mean()
    assert 1 < difference < 60


def test_calibration_gives_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.model.calibration.N_PICTURE_OUTLIERS", 400)
    recipe = Recipe(solver="lbfgs", l2=1e-4, calibration=60)
    run = softreg.train(recipe, tmp_path / "run", data=Splits(blobs((8, 8)), blobs((8, 8), 60, seed=1)), figures=False)
    assert run.model().ood_detector is not None


def test_images_of_another_size_are_refused_by_size(tmp_path: Path) -> None:
    run = short_run((8, 8), tmp_path)
    with pytest.raises(DataError, match=r"must have 8 x 8 pixels.*9 x 14"):
        softreg.evaluate(run, blobs((9, 14), 20))
    with pytest.raises(ValueError, match=r"\(N, 8, 8\)"):
        run.model()(torch.zeros(2, 28, 28, dtype=torch.uint8))


def test_scikit_learns_digits(tmp_path: Path) -> None:
    with pytest.warns(softreg.errors.SoftregWarning) as told:
        run = softreg.train(Recipe(solver="lbfgs", l2=1e-3), tmp_path / "run", data=load_digits())
    assert {str(warning.message).partition(": ")[2][:9] for warning in told} == {"pixels fr", "no test i"} or len(told) == 2
    assert run.model().image_shape == (8, 8)
    assert run.result["evaluation"]["accuracy"] > 0.93


def test_a_folder_of_colour_pictures_is_explained(tmp_path: Path) -> None:
    data = blobs((12, 10, 3), 150)
    for number, (image, label) in enumerate(zip(data.images.numpy(), data.labels.tolist(), strict=True)):
        path = tmp_path / "data" / data.classes[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    with pytest.warns(softreg.errors.SoftregWarning, match="30 of the 150"):
        run = softreg.train(Recipe(dataset=str(tmp_path / "data"), epochs=5, batch_size=10), tmp_path / "run")
    with pytest.warns(softreg.errors.SoftregWarning, match="30 of the 150"):
        explanation = explain_run(run)
    assert explanation.templates.shape == (3, 12, 10, 3)
