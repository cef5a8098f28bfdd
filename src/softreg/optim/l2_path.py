"""How strong a penalty? Chosen by images held out, along a path from strong to weak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, log_softmax, unpack
from softreg.optim.solvers.registry import make_solver

GRID = tuple(10 ** (-k / 2) for k in range(2, 17))  # 0.1, 0.03, ... 1e-8
PATIENCE = 2  # strengths in a row that may be no better than the best: the loss falls, then rises
N_HELD_OUT, MIN_FRACTION = 10_000, 6  # images held out, and at most what part of all
TOLERANCE = 1e-4  # far below what tells two strengths apart


@dataclass(frozen=True)
class PathPoint:
    """One penalty on the path, judged by the images held out: their mean cross-entropy, and the share named rightly."""

    l2: float
    loss: float
    accuracy: float


def l2_path(objective: Objective, copies: int, solver: str, values: Mapping[str, Any]) -> list[PathPoint]:
    """The optimum of each penalty in turn, begun at the one before, without the last images and their copies, judged by these.

    `objective` has all rows, each image followed by its `copies`; `solver` and `values` are as in `make_solver`.
    """
    step, n = 1 + copies, objective.matrix.count // (1 + copies)
    seen = step * (n - min(N_HELD_OUT, n // MIN_FRACTION))
    held = objective.matrix.slice(seen, step * n).strided(step)
    learned = replace(objective, matrix=objective.matrix.slice(0, seen))
    theta = torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=objective.matrix.dtype, device=held.rows.device)
    rough = make_solver(solver, {**values, "tol": max(values["tol"], TOLERANCE), "certify": False})
    path: list[PathPoint] = []
    for l2 in GRID:
        theta = minimize(rough, replace(learned, l2=l2), theta).theta
        path.append(_judge(held, theta, l2))
        if path.index(best_point(path)) < len(path) - PATIENCE:
            break
    return path


def best_point(path: Sequence[PathPoint]) -> PathPoint:
    """The penalty with the least loss."""
    return min(path, key=lambda tried: tried.loss)


def _judge(held: DesignMatrix, theta: Tensor, l2: float) -> PathPoint:
    weight, bias = unpack(held.fold(theta))

    def part(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor]:
        log_p = log_softmax(weight, bias, x)  # (C, B)
        return -log_p.gather(0, y[None]).double().sum(), (log_p.argmax(0) == y).sum()

    loss, right = held.sum(part, theta.dtype)
    return PathPoint(l2, float(loss) / held.count, float(right) / held.count)
