"""Looking on while a model learns: after each step its templates, its accuracy, and the images it finds hardest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe

WATCHED = {"pixels": 10_000}  # images looked at after every step; of features that cost more, fewer
WATCHED_OTHERWISE = 1000
HARDEST = 12
MEAN_OF = 10_000  # training images
SIDE = 28


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What is seen of a model.

    Attributes
    ----------
    templates : (C, 28, 28), the weights of features that are pixels; of others, what each class's mean image says for it
    accuracy : the share of the n images looked at that it names rightly
    n : how many were looked at
    hardest : of these, the ones it gives least to what they are: image (28, 28), label, prediction, probability of the label
    """

    templates: Tensor
    accuracy: float
    n: int
    hardest: list[tuple[Tensor, str, str, float]]


class TrainingMonitor:
    """Looks at the first test images with the weights of the moment.

    Parameters
    ----------
    recipe : what is being trained
    splits : what it learns from and is judged by
    """

    def __init__(self, recipe: Recipe, splits: Splits) -> None:
        self._data = splits.test[: WATCHED.get(recipe.features, WATCHED_OTHERWISE)]
        features = make_feature_map(recipe.features).fit(splits.train.images, recipe.seed)
        self._model = SoftmaxRegression(features, splits.train.classes).eval()
        with torch.inference_mode():
            self._x = features(self._data.images)  # (N, D)
        labels, images = splits.train.labels[:MEAN_OF], splits.train.images[:MEAN_OF].float()
        self._means = [images[labels == c].mean(0).nan_to_num()[None] for c in range(len(splits.train.classes))]  # each (1, 28, 28)

    @torch.inference_mode()
    def snapshot(self, theta: Tensor) -> Snapshot:
        """The view with theta (C, D + 1)."""
        self._model.set_theta(theta.cpu())
        labels, classes = self._data.labels, self._data.classes
        probabilities = torch.softmax(self._model.linear(self._x), dim=1)  # (N, C)
        predictions = probabilities.argmax(1)  # (N,)
        of_label = probabilities.gather(1, labels[:, None])[:, 0]  # (N,)
        hardest = of_label.argsort()[:HARDEST].tolist()
        return Snapshot(
            templates=self._templates(),
            accuracy=float((predictions == labels).float().mean()),
            n=len(labels),
            hardest=[
                (self._data.images[i], classes[int(labels[i])], classes[int(predictions[i])], float(of_label[i])) for i in hardest
            ],
        )

    def _templates(self) -> Tensor:
        features, weight = self._model.features, self._model.linear.weight.detach()  # (C, D)
        if features.dim == SIDE * SIDE:
            return weight.view(-1, SIDE, SIDE).clone()
        with torch.inference_mode(mode=False):
            return torch.cat([features.attribute(mean, w.clone()) for mean, w in zip(self._means, weight, strict=True)])
