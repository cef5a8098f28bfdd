"""Exported models, read by others' readers, say on all 10,000 test images what softreg says."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from softreg.cli.export import command
from softreg.data.dataset import Splits
from softreg.data.load import load_dataset
from softreg.errors import MissingExtraError, RunError, WriteError
from softreg.exporting.export import export, to_bytes
from softreg.exporting.registry import FORMATS
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.messages import LANGUAGES, Language, use_language
from softreg.model.serialization import model_to_bytes, save_model
from softreg.model.softmax_regression import SoftmaxRegression

EXPORT_MD = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def mnist() -> Splits:
    return load_dataset("mnist")


@pytest.fixture(scope="module", params=FEATURE_MAPS)
def model(mnist: Splits, request: pytest.FixtureRequest) -> SoftmaxRegression:
    """A real classifier on each features map: ridge regression on 600 images, its outputs of the size of logits."""
    features = make_feature_map(request.param).fit(mnist.train.images[:1000], seed=0)
    x = features(mnist.train.images[:600])  # (600, D)
    targets = torch.nn.functional.one_hot(mnist.train.labels[:600], 10) - 0.1
    weight = 10 * torch.linalg.solve(x @ x.T + 100 * torch.eye(600), targets).T @ x
    model = SoftmaxRegression(features, mnist.train.classes).eval()
    model.set_theta(torch.cat([weight, torch.arange(10.0)[:, None] / 10], 1))
    return model


@pytest.fixture(scope="module")
def images(model: SoftmaxRegression, mnist: Splits) -> NDArray[np.uint8]:
    """All test images; fewer for the two that take long (all 10,000 by the shipped `best`: docs/export.md)."""
    most = {"scattering": 2000, "both": 500}.get(model.features.name)
    images: NDArray[np.uint8] = mnist.test.images.numpy()[:most]
    return images


@pytest.fixture(scope="module")
def expected(model: SoftmaxRegression, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    logits: NDArray[np.float32] = model.logits(torch.from_numpy(images)).numpy()
    return logits


def agree(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    two = np.sort(expected, 1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2e-4  # nearer than that, rounding may decide
    assert clear.mean() > 0.999
    assert (found.argmax(1) == expected.argmax(1))[clear].all()


def test_onnx(model: SoftmaxRegression, images: NDArray[np.uint8], expected: NDArray[np.float32]) -> None:
    raw = to_bytes(model, "onnx")
    assert raw == to_bytes(model, "onnx")
    session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    parts = [session.run(["logits", "probabilities"], {"images": images[i : i + 250]}) for i in range(0, len(images), 250)]
    agree(np.concatenate([logits for logits, _ in parts]), expected)
    softmax = np.exp(expected) / np.exp(expected).sum(1, keepdims=True)
    np.testing.assert_allclose(np.concatenate([p for _, p in parts]), softmax, rtol=0, atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list("0123456789")
    assert metadata["sha256"] == model_to_bytes(model)[1]
    assert [(opset.domain, opset.version) for opset in onnx.load_from_string(raw).opset_import] == [("", 17)]


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_onnx_takes_any_number_of_images_also_blank_ones(model: SoftmaxRegression, batch: int) -> None:
    images = np.zeros((batch, 28, 28), np.uint8)
    session = onnxruntime.InferenceSession(to_bytes(model, "onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images})
    if batch == 0:
        assert logits.shape == (0, 10)
        return
    np.testing.assert_allclose(logits, model.logits(torch.from_numpy(images)).numpy(), rtol=0, atol=1e-4)


def documented() -> dict[str, Any]:
    """The numpy reader printed in docs/export.md."""
    names: dict[str, Any] = {}
    (text,) = (block for block in re.findall(r"```python\n(.*?)```", EXPORT_MD.read_text(), re.DOTALL) if "def logits" in block)
    exec(text, names)
    return names


def test_npz_by_the_documented_reader(
    model: SoftmaxRegression, images: NDArray[np.uint8], expected: NDArray[np.float32], tmp_path: Path
) -> None:
    export(model, "npz", tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        loaded = dict(file)
    assert loaded["classes"].tolist() == list(model.classes)
    for name, buffer in model.features.named_buffers():
        np.testing.assert_array_equal(loaded[f"features.{name}"], buffer.numpy())
    if model.features.name in ("pixels", "deskew", "patches"):
        logits = documented()["logits"]
        agree(np.concatenate([logits(images[i : i + 500], loaded) for i in range(0, len(images), 500)]), expected)
    assert to_bytes(model, "npz") == to_bytes(model, "npz")


def test_json_holds_the_same_numbers_bit_for_bit(model: SoftmaxRegression) -> None:
    loaded = json.loads(to_bytes(model, "json"))
    assert loaded["classes"] == list(model.classes)
    assert (loaded["features"], loaded["softreg_layout"]) == (model.features.name, 1)
    np.testing.assert_array_equal(np.array(loaded["weight"], np.float32), model.linear.weight.detach().numpy())
    np.testing.assert_array_equal(np.array(loaded["bias"], np.float32), model.linear.bias.detach().numpy())
    for name, buffer in model.features.named_buffers():
        np.testing.assert_array_equal(np.array(loaded[f"features.{name}"], np.float32), buffer.numpy())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    model = SoftmaxRegression(make_feature_map("pixels"), ("아니요", "예"))
    model.set_theta(torch.zeros(2, 785))
    (tmp_path / "run").mkdir()
    save_model(model, tmp_path / "run" / "model.safetensors")
    return tmp_path / "run"


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_command(run: Path, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke = CliRunner().invoke
    assert invoke(command, [str(run), "--format", file_format]).exit_code == 0
    assert (tmp_path / f"run.{file_format}").stat().st_size > 1000
    again = invoke(command, [str(run), "--format", file_format])
    assert isinstance(again.exception, RunError)
    forced = invoke(command, [str(run), "--format", file_format, "--force", "--json"])
    assert json.loads(forced.stdout)["bytes"] == (tmp_path / f"run.{file_format}").stat().st_size
    nowhere = invoke(command, [str(run), "--format", file_format, "--out", str(tmp_path / "none" / "file")])
    assert isinstance(nowhere.exception, WriteError)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_describes_every_format(language: Language) -> None:
    use_language(language)
    shown = " ".join(CliRunner().invoke(command, ["--help"]).stdout.split())  # without its line breaks
    for name, export_format in FORMATS.items():
        assert f"{name} ({export_format.help})" in shown


def test_a_missing_extra_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "softreg.exporting.onnx", raising=False)
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    with pytest.raises(MissingExtraError, match=r"softreg\[export\]"):
        to_bytes(model, "onnx")


def test_features_without_a_graph_are_refused() -> None:
    class Strange(FeatureMap):
        name = "strange"
        dim = 3

    with pytest.raises(RunError, match="strange"):
        to_bytes(SoftmaxRegression(Strange(), ("no", "yes")), "onnx")
