"""Warm start of L-BFGS and Newton: one epoch of SGD on a sample, a third of a pass over MNIST, comes close to the optimum."""

import math
from dataclasses import replace

import torch
from torch import Generator, Tensor

from softreg.errors import SolverError
from softreg.optim.objective import Objective
from softreg.optim.solvers.sgd import SGD

MIN_ROWS, MAX_ROWS, BATCH_SIZE = 2**13, 20_000, 200
TINY = 1e-30
RATE = 50.0  # over the mean square length of a row: 0.5 for MNIST, where 0.2 serves as well


def warm_start(objective: Objective, theta: Tensor) -> Tensor:
    """Theta (C, D + 1) after one SGD epoch on at most 20,000 evenly spaced rows; saves a third of the iterations.

    Theta is unchanged if it is nonzero, if there are fewer than 8,192 rows or no bias, or if SGD diverges or ends worse than zero.
    """
    sample = objective.matrix.sample(MAX_ROWS)
    if theta.any() or sample.n_rows_global < MIN_ROWS or not objective.fit_intercept:
        return theta
    rate = RATE / max(_mean_square_length(objective), TINY)
    if not rate * objective.l2 < 0.1:  # the penalty is steeper than the data
        return theta
    sgd = SGD(1, BATCH_SIZE, rate, drop_last=True, generator_state=Generator().manual_seed(0).get_state())
    on_sample = replace(objective, matrix=sample)
    try:
        near = sgd.step(on_sample, sgd.start(on_sample, theta)).theta
    except SolverError:  # diverged
        return theta
    return near if on_sample.value(near) < math.log(objective.classes) else theta


def _mean_square_length(objective: Objective) -> float:
    """The mean of |x|^2 over a thousand rows."""
    matrix = objective.matrix.sample(1000)
    x, _ = matrix.rows_at(torch.arange(len(matrix)))
    total = matrix.reduce_over_ranks(
        torch.stack([x.square().sum(dtype=matrix.accumulate_dtype), x.new_tensor(len(x), dtype=matrix.accumulate_dtype)])
    )
    return float(total[0] / total[1].clamp(min=1))
