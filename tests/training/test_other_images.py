"""The whole product on a folder of colour pictures with `features = auto`, and on many classes: no 28 and no 10 in the way."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from PIL import Image

import softreg
from softreg.data.dataset import Dataset, Splits
from softreg.errors import SoftregWarning
from softreg.figures.classes import save_explanation
from softreg.inference.explanation import explain_run
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.reproduce import reproduce
from tests.helpers.interruption import PowerCut, stop_after
from tests.helpers.pooled_features import textures

COLOURS = {"빨강": (220, 60, 50), "초록": (60, 190, 70), "파랑": (60, 80, 210)}


def tinted(n: int, seed: int, height: int = 40, width: int = 34) -> Dataset:
    """Waves in a tint of one of three colours."""
    labels = torch.arange(n) % len(COLOURS)
    tints = torch.tensor(list(COLOURS.values()))[labels][:, None, None]  # (N, 1, 1, 3)
    images = (textures(n, (height, width, 3), seed).float() * 0.6 + tints * 0.4).to(torch.uint8)
    return Dataset(images, labels, tuple(COLOURS), "tinted")


def write_folder(data: Dataset, folder: Path) -> None:
    for number, (image, label) in enumerate(zip(data.images.numpy(), data.labels.tolist(), strict=True)):
        path = folder / data.classes[label] / f"그림 {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.fixture(scope="module", autouse=True)
def _few_outliers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("softreg.model.calibration.N_PICTURE_OUTLIERS", 400)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colour")
    write_folder(tinted(90, 1), folder / "pictures" / "train")
    write_folder(tinted(30, 2), folder / "pictures" / "test")
    return folder


@pytest.fixture(scope="module")
def recipe(root: Path) -> Recipe:
    dataset = str(root / "pictures")
    return Recipe(dataset=dataset, features="auto", epochs=4, batch_size=10, lr=0.01, calibration=30, class_weight="balanced")


@pytest.fixture(scope="module")
def run(root: Path, recipe: Recipe) -> Run:
    with pytest.warns(SoftregWarning, match="patches"):
        return softreg.train(recipe, root / "run")


def test_it_learns_and_draws(run: Run) -> None:
    assert run.result["evaluation"]["accuracy"] > 0.9
    drawn = {path.stem for path in (run.path / "figures").iterdir()}
    assert drawn == {"confusion", "learning-curve", "test-sample", "worst-mistakes"}
    model = run.model()
    assert (model.image_shape, model.classes) == ((40, 34, 3), tuple(sorted(COLOURS)))
    assert model.ood_detector is not None


def test_a_training_cut_short_is_resumed_bit_for_bit(root: Path, recipe: Recipe, run: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SoftregWarning)
        with pytest.raises(PowerCut):
            softreg.train(recipe, root / "cut", on_step=stop_after(2), figures=False)
        resumed = softreg.train(recipe, root / "cut", resume=True, figures=False)
    assert (resumed.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()
    assert reproduce(run).same


def test_it_reads_and_explains_a_picture(root: Path, run: Run) -> None:
    path = next((root / "pictures" / "test" / "초록").iterdir())
    prediction = softreg.predict(path, run)
    assert prediction.label == "초록"
    explanation = softreg.explain(path, run)
    ((digit, first, _),) = explanation.digits
    assert first.map.shape == (40, 34)
    assert float(first.map.double().sum()) + first.bias == pytest.approx(float(digit.logits.max()), abs=1e-3)
    assert explanation.save(root / "evidence.png").stat().st_size > 5000
    noise = torch.randint(0, 256, (40, 34, 3), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    assert softreg.predict(noise.numpy(), run).label is None


def test_what_is_exported_says_the_same(root: Path, run: Run) -> None:
    test = tinted(30, 2)
    logits = run.model().logits(test.images)
    softreg.export(run, root / "model.onnx")
    (found,) = onnxruntime.InferenceSession(root / "model.onnx").run(["logits"], {"images": test.images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), logits, rtol=0, atol=1e-3)
    softreg.export(run, root / "model.json")
    exported = json.loads((root / "model.json").read_text(encoding="utf-8"))
    assert exported["input"] == "uint8 (N, 40, 34, 3)"
    x = run.model().features(test.images)
    by_hand = x @ torch.tensor(exported["weight"]).T + torch.tensor(exported["bias"])
    torch.testing.assert_close(by_hand, logits, rtol=0, atol=1e-3)


@pytest.mark.parametrize("classes", [2, 120])
def test_any_number_of_classes(classes: int, tmp_path: Path) -> None:
    labels = torch.arange(4 * classes) % classes
    images = textures(4 * classes, (8, 12), seed=classes)
    images[:, 0] = (labels * 255 // classes)[:, None].to(torch.uint8)  # a row that says which
    data = Dataset(images, labels, tuple(f"class {c}" for c in range(classes)), "many")
    recipe = Recipe(epochs=2, batch_size=classes, calibration=classes)
    run = softreg.train(recipe, tmp_path / "run", data=Splits(data, data[: 2 * classes]))
    assert len(run.result["evaluation"]["confusion"]) == classes
    explanation = explain_run(run, data=Splits(data, data[: 2 * classes]))
    assert explanation.templates.shape == (classes, 8, 12)
    paths = save_explanation(explanation, tmp_path / "figures")
    assert len(paths) == 4
    assert softreg.predict(images[0].numpy(), run).probabilities.shape == (classes,)
