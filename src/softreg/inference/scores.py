"""What a model says of cut-out digits, each alone and among its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.model.softmax_regression import SoftmaxRegression

NEIGHBOUR_GAIN = 3.0  # log odds that a mark gains as a digit ...
SURE = 2.0  # ... where the median of the others' in its line is above this,
MIN_DIGITS = 3  # and the line has so many


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of images: logits and probabilities (N, C), novelty (N,), which is above zero for what is no digit."""

    logits: Tensor
    probabilities: Tensor
    novelty: Tensor

    @property
    def costs(self) -> list[float]:
        """Of each image as a digit."""
        surprise = -self.probabilities.max(1).values.log() + torch.nn.functional.softplus(self.novelty)
        return [float(value) for value in surprise]

    @property
    def log_odds(self) -> Tensor:
        """Of each image, (N,): that it is a digit, and of its likeliest class, against anything else."""
        return -torch.tensor(self.costs).clamp(1e-6, 80).expm1().log()

    def __getitem__(self, rows: Sequence[int] | slice) -> "Scores":
        return Scores(self.logits[rows], self.probabilities[rows], self.novelty[rows])

    @classmethod
    def cat(cls, parts: Sequence["Scores"]) -> "Scores":
        """The scores of several groups of images, one after the other."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in ("logits", "probabilities", "novelty")))


class ScoreCache:
    """The scores of cut-outs uint8 (28, 28) of one picture: in its layouts many are alike, and each is scored once."""

    def __init__(self, model: SoftmaxRegression) -> None:
        self._model = model
        self._known: dict[bytes, Scores] = {}  # of one image each

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> Scores:
        """The scores of the images; those not known yet go through the model together."""
        new = {key: image for image in images if (key := image.tobytes()) not in self._known}
        if new:
            self.keep(list(new.values()), score(self._model, torch.from_numpy(np.stack(list(new.values())))))
        return Scores.cat([self._known[image.tobytes()] for image in images])

    def keep(self, images: Sequence[NDArray[np.uint8]], scores: Scores) -> None:
        """Take in scores that are known already."""
        for row, image in enumerate(images):
            self._known[image.tobytes()] = scores[row : row + 1]


@torch.inference_mode()
def score(model: SoftmaxRegression, images: Tensor) -> Scores:
    """The scores of images uint8 (N, 28, 28); without a detector of novelty, none is novel."""
    logits, novelty = model.logits_and_novelty(images.to(model.linear.weight.device))
    novelty = logits.new_full((len(images),), -20.0) if novelty is None else novelty
    return Scores(logits.cpu(), torch.softmax(logits, 1).cpu(), novelty.cpu())


def among_sure_digits(scores: Scores, lengths: Sequence[int]) -> Tensor:
    """Which digits, bool (N,), stand in a line of at least `MIN_DIGITS` whose others are sure; the lines have these lengths."""
    odds, first = scores.log_odds, 0
    among = torch.zeros(len(odds), dtype=torch.bool)
    for length in lengths:
        line = range(first, first := first + length)
        for digit in line if length >= MIN_DIGITS else ():
            among[digit] = odds[[other for other in line if other != digit]].median() > SURE
    return among


def with_neighbours(scores: Scores, among_sure: Tensor) -> Scores:
    """The scores of digits of which those `among_sure` others are less novel than they would be alone."""
    return Scores(scores.logits, scores.probabilities, scores.novelty - NEIGHBOUR_GAIN * among_sure)
