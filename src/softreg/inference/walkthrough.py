"""One image followed through a model: every quantity from its pixels to the gradient."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from softreg.compute.defaults import default_torch
from softreg.model.softmax_regression import SoftmaxRegression


@dataclass(frozen=True, eq=False)
class Walkthrough:
    """The quantities computed of one image with features x and class y.

    Attributes
    ----------
    evidence : (C, D), W[c, j] * x[j]
    logits : (C,), z = W x + b, the sum of the evidence and the bias
    probabilities : (C,), p = softmax(z)
    cross_entropy : J = -log p[y]
    residual : (C,), p - e_y = dJ/dz
    gradient : (C, D), dJ/dW = (p - e_y) x^T
    """

    evidence: Tensor
    logits: Tensor
    probabilities: Tensor
    cross_entropy: float
    residual: Tensor
    gradient: Tensor


@default_torch(keep_inference_mode=True)
@torch.inference_mode()
def walk_through(model: SoftmaxRegression, image: Tensor, label: int) -> Walkthrough:
    """The quantities for an image uint8 (28, 28) whose class is number `label`."""
    x = model.features(image[None])[0]  # (D,)
    logits, probabilities = model.classify(x)  # (C,)
    residual = probabilities.clone()  # (C,)
    residual[label] -= 1
    return Walkthrough(
        evidence=model.linear.weight * x,
        logits=logits,
        probabilities=probabilities,
        cross_entropy=float(cross_entropy(logits, torch.tensor(label))),
        residual=residual,
        gradient=residual[:, None] * x,
    )
