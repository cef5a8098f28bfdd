"""What a model says of cut-out digits, each alone and among its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from softreg.model.softmax_regression import SoftmaxRegression

NEIGHBOUR_GAIN = 3.0  # log odds that a mark gains ...
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


@torch.inference_mode()
def score(model: SoftmaxRegression, images: Tensor) -> Scores:
    """The scores of images uint8 (N, 28, 28); without a detector of novelty, none is novel."""
    logits, novelty = model.logits_and_novelty(images.to(model.linear.weight.device))
    novelty = logits.new_full((len(images),), -20.0) if novelty is None else novelty
    return Scores(logits.cpu(), torch.softmax(logits, 1).cpu(), novelty.cpu())


def with_neighbours(scores: Scores, lengths: Sequence[int]) -> Scores:
    """The scores of digits in lines of these lengths, in which a mark among sure digits is less novel than it would be alone."""
    odds, novelty, first = scores.log_odds, scores.novelty.clone(), 0
    for length in lengths:
        line = range(first, first := first + length)
        for digit in line if length >= MIN_DIGITS else ():
            others = [other for other in line if other != digit]
            if odds[others].median() > SURE:
                novelty[digit] -= NEIGHBOUR_GAIN
    return Scores(scores.logits, scores.probabilities, novelty)
