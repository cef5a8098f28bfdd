"""An evaluation of probabilities that no model gave."""

from torch import Tensor

from softreg.inference.evaluation import Evaluation


def evaluation_of(classes: tuple[str, ...], probabilities: Tensor, labels: Tensor) -> Evaluation:
    """The evaluation of probabilities (N, C) for labels (N,)."""
    return Evaluation(classes, probabilities.argmax(1), probabilities.max(1).values, labels, nll=1.0)
