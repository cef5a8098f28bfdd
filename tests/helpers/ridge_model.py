"""A real classifier on any feature map, in a moment; made once, for tests that do not change it."""

from functools import cache

import torch

from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.model.softmax_regression import SoftmaxRegression


@cache
def ridge_model(features: str, mnist: Splits) -> SoftmaxRegression:
    """Ridge regression on 600 images, its outputs of the size of logits."""
    feature_map = make_feature_map(features).fit(mnist.train.images[:600], seed=0)
    x = feature_map(mnist.train.images[:600])  # (600, D)
    targets = torch.nn.functional.one_hot(mnist.train.labels[:600], 10) - 0.1
    weight = 10 * torch.linalg.solve(x @ x.T + 100 * torch.eye(600), targets).T @ x
    model = SoftmaxRegression(feature_map, mnist.train.classes).eval()
    model.set_theta(torch.cat([weight, torch.arange(10.0)[:, None] / 10], 1))
    return model
