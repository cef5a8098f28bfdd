"""Snapshots of a model while it trains: after each step its templates, accuracy and hardest images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.inference.attribution import weight_templates
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe

N_HARDEST = 12
N_AVERAGED = 10_000  # training images in each class's mean


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A model after one step.

    Attributes
    ----------
    templates : (C, 28, 28), the weights if features are pixels; otherwise the attribution of each class's mean image
    accuracy : on the n test images monitored
    n : how many test images are monitored
    hardest : the images whose label got the least probability: image (28, 28), label, prediction, probability of the label
    """

    templates: Tensor
    accuracy: float
    n: int
    hardest: list[tuple[Tensor, str, str, float]]


class TrainingMonitor:
    """Evaluates the first test images with the weights of a step.

    Parameters
    ----------
    recipe : what is being trained
    splits : the training and test images
    """

    def __init__(self, recipe: Recipe, splits: Splits) -> None:
        recipe = recipe.for_images(len(splits.train), splits.train.image_shape)
        self._data = splits.test[: FEATURE_MAPS[recipe.features].monitored_images]
        features = make_feature_map(recipe.features, splits.train.image_shape).fit(splits.train.images, recipe.seed)
        self._model = SoftmaxRegression(features, splits.train.classes).eval()
        with torch.inference_mode():
            self._x = features(self._data.images)  # (N, D)
        labels, images = splits.train.labels[:N_AVERAGED], splits.train.images[:N_AVERAGED].float()
        self._means = [images[labels == c].mean(0).nan_to_num()[None] for c in range(len(splits.train.classes))]  # each (1, 28, 28)

    @torch.inference_mode()
    def snapshot(self, theta: Tensor) -> Snapshot:
        """The model with parameters theta (C, D + 1), bias last."""
        self._model.set_theta(theta.cpu())
        labels, classes = self._data.labels, self._data.classes
        _, probabilities = self._model.classify(self._x)  # (N, C)
        predictions = probabilities.argmax(1)  # (N,)
        of_label = probabilities.gather(1, labels[:, None])[:, 0]  # (N,)
        hardest = of_label.argsort()[:N_HARDEST].tolist()
        return Snapshot(
            templates=self._templates(),
            accuracy=float((predictions == labels).float().mean()),
            n=len(labels),
            hardest=[
                (self._data.images[i], classes[int(labels[i])], classes[int(predictions[i])], float(of_label[i])) for i in hardest
            ],
        )

    def _templates(self) -> Tensor:
        if (weights := weight_templates(self._model)) is not None:
            return weights.clone()
        features, weight = self._model.features, self._model.linear.weight.detach()  # (C, D)
        with torch.inference_mode(mode=False):
            return torch.cat([features.attribute(mean, w.clone()) for mean, w in zip(self._means, weight, strict=True)])
