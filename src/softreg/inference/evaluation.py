"""The metrics of a model on labelled images it was not trained on.

::

    accuracy          share of correct predictions, with its 95 % interval (Wilson, JASA 22, 1927, pp. 209-212)
    NLL               mean of -log p[label], natural logarithm
    ECE               sum over 15 equal bins of the top probability: share * |accuracy - mean probability|
                      (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3)
    precision[c]      of the images predicted as c, the share that are c;   recall[c]: of the images of c, the share predicted as c
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from softreg.compute.defaults import default_torch
from softreg.data.dataset import Dataset
from softreg.data.memory_map import pieces
from softreg.errors import DataError
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression

BINS = 15
MAX_CONFUSED = 2000  # classes, of which a confusion matrix is made
PIECE = 2000  # images whose probabilities are in memory at a time
Z = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The predictions of a model for N labelled images of C classes, and their metrics.

    Attributes
    ----------
    predictions : int64 (N,), the class of the largest probability
    confidence : float64 (N,), that probability
    labels : int64 (N,)
    nll : nats per image
    """

    classes: tuple[str, ...]
    predictions: Tensor
    confidence: Tensor
    labels: Tensor
    nll: float

    def __str__(self) -> str:
        low, high = self.interval
        values = (
            ("accuracy", {"accuracy": self.accuracy, "low": low, "high": high, "n": self.n}),
            ("nll", {"nll": self.nll}),
            ("ece", {"ece": self.ece}),
        )
        return "\n".join(
            f"{translate(f'evaluation.{name}')}: {translate(f'evaluation.{name}_value', **value)}" for name, value in values
        )

    @property
    def n(self) -> int:
        """N."""
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return int((self.predictions == self.labels).sum()) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return wilson_interval(self.accuracy, self.n)

    @property
    @default_torch(keep_inference_mode=True)
    def ece(self) -> float:
        """The expected calibration error, in [0, 1]."""
        bins = (self.confidence * BINS).ceil().long().clamp(1, BINS) - 1  # (k/BINS, (k+1)/BINS] is bin k
        excess = (self.predictions == self.labels).double() - self.confidence
        return float(torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, excess).abs().sum()) / self.n

    @cached_property
    @default_torch(keep_inference_mode=True)
    def confusion(self) -> Tensor:
        """The number of images of class i (row) predicted as j (column): int64 (C, C)."""
        count = len(self.classes)
        return torch.bincount(self.labels * count + self.predictions, minlength=count**2).view(count, count)

    @property
    def has_confusion(self) -> bool:
        """Whether the classes are few enough for their confusion to be told, or drawn."""
        return len(self.classes) <= MAX_CONFUSED

    @property
    def precision(self) -> list[float | None]:
        """By class; None where no image was predicted as it."""
        return _shares(self._counts(self._right), self._counts(self.predictions))

    @property
    def recall(self) -> list[float | None]:
        """By class; None where there are no images of it."""
        return _shares(self._counts(self._right), self._counts(self.labels))

    @property
    def support(self) -> list[int]:
        """How many images of each class there are."""
        counts: list[int] = self._counts(self.labels).tolist()
        return counts

    @cached_property
    def mistakes(self) -> dict[int, list[tuple[int, int]]]:
        """By class number, the (count, other class) that its images were taken for, the most frequent first."""
        wrong = self.predictions != self.labels
        pairs, counts = torch.unique(torch.stack([self.labels[wrong], self.predictions[wrong]]), dim=1, return_counts=True)
        found: dict[int, list[tuple[int, int]]] = {}
        for label, prediction, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
            found.setdefault(label, []).append((count, prediction))
        return {label: sorted(taken, reverse=True) for label, taken in found.items()}

    @property
    def _right(self) -> Tensor:
        return self.labels[self.predictions == self.labels]

    def _counts(self, numbers: Tensor) -> Tensor:
        """How many of the class numbers (N,) are of each class: int64 (C,)."""
        return torch.bincount(numbers, minlength=len(self.classes))

    def worst_mistakes(self, count: int) -> Tensor:
        """The indices of the `count` wrong predictions of the largest probability, the largest first."""
        wrong = (self.predictions != self.labels).nonzero()[:, 0]
        return wrong[self.confidence[wrong].argsort(descending=True, stable=True)][:count]

    def to_json(self) -> dict[str, Any]:
        """The metrics, as `softreg evaluate --json` prints them; of more than `MAX_CONFUSED` classes `confusion` is None."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "nll": self.nll,
            "ece": self.ece,
            "confusion": self.confusion.tolist() if self.has_confusion else None,
            "classes": list(self.classes),
            "precision": self.precision,
            "recall": self.recall,
        }


@default_torch(keep_inference_mode=True)
def evaluate(model: SoftmaxRegression, data: Dataset) -> Evaluation:
    """The evaluation of `model` on all images of `data`.

    Raises
    ------
    DataError
        If the classes of the data are not those of the model.
    """
    if data.classes != model.classes:
        raise DataError("evaluation.other_classes", data=data.name, theirs=" ".join(data.classes), ours=" ".join(model.classes))
    model.check_images(data.images, data.name)
    predictions, confidence, losses = zip(*_judged(model, data), strict=True)
    return Evaluation(
        data.classes, torch.cat(predictions), torch.cat(confidence), data.labels.cpu(), float(torch.cat(losses).mean())
    )


def _judged(model: SoftmaxRegression, data: Dataset) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Prediction, its probability, and -log p of the label, some images at a time: with thousands of classes memory is short."""
    for images, labels in zip(pieces(data.images, PIECE), data.labels.cpu().split(PIECE), strict=True):
        log_p = torch.log_softmax(model.logits(images).double(), dim=1)  # (B, C)
        confidence, predictions = log_p.exp().max(1)
        yield predictions, confidence, nll_loss(log_p, labels, reduction="none")


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share observed in n trials; unlike share +- 2 sigma it stays within [0, 1]."""
    centre, spread = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (centre - spread) / (1 + Z**2 / n)), min(1.0, (centre + spread) / (1 + Z**2 / n))


def _shares(parts: Tensor, wholes: Tensor) -> list[float | None]:
    return [part / whole if whole else None for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True)]
