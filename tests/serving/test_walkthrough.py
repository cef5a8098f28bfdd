"""A test image followed through a model, against torch."""

import numpy as np
import pytest
import torch

from softreg.data.dataset import Splits
from tests.helpers.live_server import Served, array_of


def test_a_walkthrough_is_told(served: Served, mnist: Splits) -> None:
    status, walk = served.json("GET", "/walkthrough?sample=3757")
    assert status == 200
    assert walk["label"] == "8"  # the lab's sample
    assert np.array_equal(array_of(walk["image"]), mnist.test.images[3757].numpy())
    probabilities = torch.softmax(torch.tensor(walk["logits"]), dim=0)
    assert walk["probabilities"] == pytest.approx(probabilities.tolist(), abs=1e-6)
    assert walk["cross_entropy"] == pytest.approx(-float(probabilities[8].log()), abs=1e-5)
