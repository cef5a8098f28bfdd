"""The regularization path: the l2 penalty chosen on held-out images, from strong to weak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from softreg.compute.progress import track
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, log_softmax, unpack
from softreg.optim.solvers.registry import make_solver

GRID = tuple(10 ** (-k / 2) for k in range(2, 17))  # 0.1, 0.03, ... 1e-8
PATIENCE = 2  # penalties in a row that may be no better than the best: the loss falls, then rises
N_HELD_OUT, MIN_FRACTION = 10_000, 6  # images held out; at most one of MIN_FRACTION
TOLERANCE = 1e-4  # far below the difference that matters between two penalties


@dataclass(frozen=True)
class PathPoint:
    """One penalty on the path, with the (weighted) mean cross-entropy and accuracy on the images held out."""

    l2: float
    loss: float
    accuracy: float


def l2_path(objective: Objective, copies: int, solver: str, values: Mapping[str, Any]) -> list[PathPoint]:
    """The optimum for each penalty of `GRID` in turn, warm-started from the one before, judged on held-out images.

    Parameters
    ----------
    objective : over all rows, each image followed by its `copies`; its own l2 is not used
    copies : augmented copies of each image; those of a held-out image are neither learnt from nor judged
    solver, values : as in `make_solver`

    Returns
    -------
    list[PathPoint]
        From the strongest penalty on, up to the second in a row that is no better than the best.
    """
    step, n = 1 + copies, objective.matrix.n_rows_global // (1 + copies)
    n_fitted = step * (n - min(N_HELD_OUT, n // MIN_FRACTION))
    held_out = objective.matrix.slice(n_fitted, step * n).strided(step)
    fitted = replace(objective, matrix=objective.matrix.slice(0, n_fitted))
    theta = torch.zeros(objective.classes, objective.matrix.dim + 1, dtype=objective.matrix.dtype, device=held_out.rows.device)
    loose = make_solver(solver, {**values, "tol": max(values["tol"], TOLERANCE), "certify": False})
    path: list[PathPoint] = []
    for l2 in track(GRID, "l2_path", len(GRID)):
        theta = minimize(loose, replace(fitted, l2=l2), theta).theta
        path.append(_evaluate(held_out, theta, l2))
        if path.index(best_point(path)) < len(path) - PATIENCE:
            break
    return path


def best_point(path: Sequence[PathPoint]) -> PathPoint:
    """The penalty with the lowest held-out loss."""
    return min(path, key=lambda point: point.loss)


def _evaluate(held_out: DesignMatrix, theta: Tensor, l2: float) -> PathPoint:
    weight, bias = unpack(held_out.fold(theta))

    def on_chunk(x: Tensor, y: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor]:
        log_p = log_softmax(weight, bias, x)  # (C, B)
        losses, right = -log_p.gather(0, y[None])[0].double(), (log_p.argmax(0) == y).double()  # (B,)
        return (losses.sum(), right.sum()) if w is None else (losses @ w.double(), right @ w.double())

    loss, correct = held_out.map_reduce(on_chunk, theta.dtype)
    return PathPoint(l2, float(loss) / held_out.weight_sum, float(correct) / held_out.weight_sum)
