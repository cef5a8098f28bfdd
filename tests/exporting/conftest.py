"""A classifier on each feature map, and what it says of test images."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from softreg.data.dataset import Splits
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.model.softmax_regression import SoftmaxRegression


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
