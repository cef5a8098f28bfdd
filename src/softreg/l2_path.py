"""How strong a penalty? Chosen by images held out, along a path from strong to weak."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softreg.design import DesignMatrix
from softreg.objective import Objective, log_softmax, unpack
from softreg.recipe import Recipe
from softreg.solvers import make_solver

STRENGTHS = tuple(10 ** (-k / 2) for k in range(2, 17))  # 0.1, 0.03, ... 1e-8
PATIENCE = 2  # strengths in a row that may be no better than the best: the loss falls, then rises
HELD, PART = 10_000, 6  # images held out, and at most what part of all
TOLERANCE = 1e-4  # far below what tells two strengths apart


@dataclass(frozen=True)
class Tried:
    """One penalty on the path, judged by the images held out: their mean cross-entropy, and the share named rightly."""

    l2: float
    loss: float
    accuracy: float


def l2_path(objective: Objective, copies: int, recipe: Recipe) -> list[Tried]:
    """The optimum of each penalty in turn, begun at the one before, without the last images and their copies, judged by these.

    `objective` has all rows, each image followed by its `copies`.
    """
    step, n = 1 + copies, objective.matrix.count // (1 + copies)
    seen = step * (n - min(HELD, n // PART))
    held = objective.matrix.between(seen, step * n).every(step)
    learned = replace(objective, matrix=objective.matrix.between(0, seen))
    theta = torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=objective.matrix.dtype, device=held.rows.device)
    path: list[Tried] = []
    for l2 in STRENGTHS:
        theta = _optimum(replace(learned, l2=l2), theta, recipe)
        path.append(_judge(held, theta, l2))
        if path.index(best(path)) < len(path) - PATIENCE:
            break
    return path


def best(path: Sequence[Tried]) -> Tried:
    """The penalty with the least loss."""
    return min(path, key=lambda tried: tried.loss)


def _optimum(objective: Objective, theta: Tensor, recipe: Recipe) -> Tensor:
    rough = replace(recipe, l2=objective.l2, tol=max(recipe.tol, TOLERANCE), certify=False)
    solver = make_solver(rough, torch.empty(0))  # nothing is drawn
    state = solver.start(objective, theta)
    while state.ended is None:
        state = solver.step(objective, state)
    return state.theta


def _judge(held: DesignMatrix, theta: Tensor, l2: float) -> Tried:
    weight, bias = unpack(held.fold(theta))

    def part(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor]:
        log_p = log_softmax(weight, bias, x)  # (C, B)
        return -log_p.gather(0, y[None]).double().sum(), (log_p.argmax(0) == y).sum()

    loss, right = held.sum(part, theta.dtype)
    return Tried(l2, float(loss) / held.count, float(right) / held.count)
