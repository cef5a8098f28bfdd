"""JSON holds the model's numbers bit for bit."""

import json

import numpy as np

from softreg.exporting.export import to_bytes
from softreg.model.softmax_regression import SoftmaxRegression


def test_json_holds_the_same_numbers_bit_for_bit(model: SoftmaxRegression) -> None:
    loaded = json.loads(to_bytes(model, "json"))
    assert loaded["classes"] == list(model.classes)
    assert (loaded["features"], loaded["softreg_layout"]) == (model.features.name, 1)
    np.testing.assert_array_equal(np.array(loaded["weight"], np.float32), model.linear.weight.detach().numpy())
    np.testing.assert_array_equal(np.array(loaded["bias"], np.float32), model.linear.bias.detach().numpy())
    for name, buffer in model.features.named_buffers():
        np.testing.assert_array_equal(np.array(loaded[f"features.{name}"], np.float32), buffer.numpy())
