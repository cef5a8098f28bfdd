"""The random start of a solver whose result depends on where it starts."""

import math

import torch
from torch import Generator, Tensor


def initial_theta(dim: int, classes: int, generator: Generator) -> Tensor:
    """Theta (C, D + 1) drawn as `nn.Linear(dim, classes)` draws its weight and then its bias.

    Both are uniform in +-1/sqrt(dim): Kaiming's bound with a = sqrt(5) (torch/nn/modules/linear.py).
    """
    bound = 1 / math.sqrt(dim)
    weight = torch.empty(classes, dim).uniform_(-bound, bound, generator=generator)  # (C, D)
    bias = torch.empty(classes).uniform_(-bound, bound, generator=generator)  # (C,)
    return torch.cat([weight, bias[:, None]], dim=1)
