"""Rows that the Hessian is made of: those that the model is not certain of.

A row adds p_c (1 - p_c) x x^T to the blocks of the Hessian. Where the penalty is weak and the classes can be separated, a few rows
have nearly all of it, as support vectors do, and products with the Hessian cost that much less. What is left out makes the Hessian
smaller, and the distance to the minimum that is estimated with it larger, never smaller.
"""

from dataclasses import replace

import torch
from torch import Tensor

from softreg.optim.objective import Objective

MIN_ROWS = 2**11  # below, products are quick anyway
LEFT_OUT = 1e-3  # of the trace of the Hessian, features aside, by all rows that are left out
WORTH_COPYING = 0.5  # of the rows, at most ...
MAX_NUMEL = 2**28  # ... and of their numbers
SAMPLE = 2000  # rows that are asked first whether it is worth while


def active_rows(objective: Objective, theta: Tensor) -> Objective:
    """The objective over a copy of the rows that have nearly all the curvature at theta (C, D + 1); itself if they are many.

    Its value and gradient mean nothing; its Hessian is what it is for.
    """
    matrix = objective.matrix
    if len(matrix) < MIN_ROWS or matrix.all_reduce is not None or matrix.mapped:
        return objective
    sample = replace(objective, matrix=matrix.sample(SAMPLE))
    if len(_active(sample, theta)) > WORTH_COPYING * len(sample.matrix):
        return objective
    rows = _active(objective, theta)
    if len(rows) > WORTH_COPYING * len(matrix) or len(rows) * matrix.dim > MAX_NUMEL:
        return objective
    mask = rows.new_zeros(len(matrix), dtype=torch.bool).index_fill_(0, rows, True)
    return replace(objective, matrix=replace(matrix.where(mask), divisor=matrix.weight_sum))


def _active(objective: Objective, theta: Tensor) -> Tensor:
    """The numbers (M,) of the rows that have all but `LEFT_OUT` of the curvature, those with least of it left out."""
    matrix = objective.matrix
    p = objective.probabilities(theta)  # (C, N)
    curvature = 1 - p.square_().sum(0)  # (N,), the sum of p (1 - p)
    if matrix.weights is not None:
        curvature *= matrix.weights
    ascending, order = curvature.clamp_(min=0).sort()
    cumulative = ascending.cumsum(0, dtype=matrix.accumulate_dtype)
    return order[int((cumulative <= LEFT_OUT * cumulative[-1]).sum()) :]
