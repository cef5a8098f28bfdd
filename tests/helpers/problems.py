"""Small random problems in float64, and their Hessian written out by autograd."""

import torch
from torch import Generator, Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective


def small_objective(n: int = 60, d: int = 4, c: int = 3, l2: float = 0.1, *, weighted: bool = False, seed: int = 0) -> Objective:
    generator = Generator().manual_seed(seed)
    labels = torch.arange(n) % c
    rows = torch.randn(c, d, dtype=torch.float64, generator=generator)[labels]
    rows += torch.randn(n, d, dtype=torch.float64, generator=generator)
    weights = torch.rand(n, dtype=torch.float64, generator=generator) + 0.1 if weighted else None
    return Objective(DesignMatrix(rows, labels, weights=weights), c, l2)


def random_theta(objective: Objective, seed: int = 0, scale: float = 0.5) -> Tensor:
    shape = objective.classes, objective.matrix.dim + 1
    return scale * torch.randn(shape, dtype=torch.float64, generator=Generator().manual_seed(seed))


def dense_hessian(objective: Objective, theta: Tensor) -> Tensor:
    """(C (D + 1), C (D + 1)), by autograd of the objective as PyTorch computes it."""
    matrix = objective.matrix
    weights = torch.ones(len(matrix.labels), dtype=torch.float64) if matrix.weights is None else matrix.weights

    def value(flat: Tensor) -> Tensor:
        full = flat.view(theta.shape)
        losses = torch.nn.functional.cross_entropy(matrix.rows @ full[:, :-1].T + full[:, -1], matrix.labels, reduction="none")
        return (weights * losses).sum() / weights.sum() + objective.l2 / 2 * full[:, :-1].square().sum()

    hessian = torch.autograd.functional.hessian(value, theta.flatten())
    assert isinstance(hessian, Tensor)
    return hessian
