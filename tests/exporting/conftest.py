"""A classifier on each feature map, and what it says of test images."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from softreg.data.dataset import Splits
from softreg.features.registry import IMAGE_MAPS
from softreg.model.softmax_regression import SoftmaxRegression
from tests.helpers.ridge_model import ridge_model


@pytest.fixture(scope="module", params=[name for name in IMAGE_MAPS if name != "compact_kernel"])  # fewer axes, no more
def model(mnist: Splits, request: pytest.FixtureRequest) -> SoftmaxRegression:
    return ridge_model(request.param, mnist)


@pytest.fixture(scope="module")
def images(model: SoftmaxRegression, mnist: Splits) -> NDArray[np.uint8]:
    """All test images; fewer for those that take long (all 10,000 by the shipped `best`: docs/export.md)."""
    slow = {"patches": 2000, "scattering": 2000, "both": 500, "views": 200, "kernel": 100, "invariant_kernel": 100}
    most = slow.get(model.features.name)
    images: NDArray[np.uint8] = mnist.test.images.numpy()[:most]
    return images


@pytest.fixture(scope="module")
def expected(model: SoftmaxRegression, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    logits: NDArray[np.float32] = model.logits(torch.from_numpy(images)).numpy()
    return logits
