"""What every export holds: all numbers of the model by name, and metadata that identify it."""

import json

import numpy as np
import torch

from softreg.exporting.arrays import arrays, metadata
from softreg.features.patches import Patches
from softreg.features.pixels import Pixels
from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression


def test_arrays_are_enough_to_rebuild_the_model() -> None:
    images = torch.randint(0, 256, (60, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    model = SoftmaxRegression(Patches(n_filters=8).fit(images, 0), ("a", "b", "c")).eval()
    model.set_theta(torch.randn(3, model.features.dim + 1, generator=torch.Generator().manual_seed(1)))
    values = arrays(model)
    again = SoftmaxRegression(Patches(n_filters=8), ("a", "b", "c")).eval()
    for name, buffer in again.features.named_buffers():
        buffer.copy_(torch.from_numpy(values[f"features.{name}"]))
    again.set_theta(torch.from_numpy(np.hstack([values["weight"], values["bias"][:, None]])))
    assert all(array.dtype == np.float32 for array in values.values())
    assert torch.equal(again.logits(images), model.logits(images))


def test_metadata_say_what_goes_in_and_which_model_it_is() -> None:
    model = SoftmaxRegression(Pixels(), ("아니요", "예"))
    model.set_theta(torch.zeros(2, 785))
    about = metadata(model)
    assert json.loads(about["classes"]) == ["아니요", "예"]
    assert (about["features"], about["input"]) == ("pixels", "uint8 (N, 28, 28), bright ink on black")
    assert about["sha256"] == model_to_bytes(model)[1]
    model.set_theta(torch.ones(2, 785))
    assert metadata(model)["sha256"] != about["sha256"]
