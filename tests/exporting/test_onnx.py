"""ONNX by ONNX Runtime: the same logits and probabilities as the model, for any number of images."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from softreg.errors import MissingExtraError, RunError
from softreg.exporting.export import to_bytes
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import make_feature_map
from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from tests.helpers.agreement import agree


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


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
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
