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


def active_rows(objective: Objective, theta: Tensor) -> Objective:
    """The objective over a copy of the rows that have nearly all the curvature at theta (C, D + 1); itself if they are many.

    Its value and gradient mean nothing; its Hessian is what it is for.
    """
    matrix = objective.matrix
    if len(matrix) < MIN_ROWS or matrix.all_reduce is not None or matrix.mapped:
        return objective
    p = objective.probabilities(theta)  # (C, N)
    curvature = 1 - p.square_().sum(0)  # (N,), the sum of p (1 - p)
    if matrix.weights is not None:
        curvature *= matrix.weights
    ascending, order = curvature.clamp_(min=0).sort()
    cumulative = ascending.cumsum(0, dtype=matrix.accumulate_dtype)
    n_left_out = int((cumulative <= LEFT_OUT * cumulative[-1]).sum())
    n_active = len(matrix) - n_left_out
    if n_active > WORTH_COPYING * len(matrix) or n_active * matrix.dim > MAX_NUMEL:
        return objective
    rows = order[n_left_out:].sort().values
    mask = order.new_zeros(len(matrix), dtype=torch.bool).index_fill_(0, rows, True)
    return replace(objective, matrix=replace(matrix.where(mask), divisor=matrix.weight_sum))
