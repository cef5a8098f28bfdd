"""Newton's linear system, solved as precisely as is worth while."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from softreg.optim.objective import Objective

ETA, GAP_ETA = 0.3, 0.5  # residual over gradient at which to stop: for a search direction, and for an estimate of the gap
MAX_ITER = 200


def conjugate_gradients(
    objective: Objective,
    theta: Tensor,
    gradient: Tensor,
    preconditioner: Callable[[Tensor], Tensor],
    *,
    superlinear: bool,
    is_enough: Callable[[Tensor], bool] = lambda residual: True,
) -> Tensor:
    """The direction (C, D + 1) with Hessian(theta) direction = -gradient, approximately.

    Nocedal and Wright, Numerical Optimization, 2006, algorithm 5.3, in their names: residual r, preconditioned residual z, search
    direction p. The residual, in the preconditioner's metric, is reduced to half the gradient: the estimate of the gap is then
    right to within a quarter. With `superlinear`, to min(0.3, sqrt(|gradient|)) of it (theorem 7.2 there); never below the
    rounding of the gradient; and until `is_enough` of the residual (C, D + 1), too. Where the very first p has no curvature, the
    direction is zero: there is no estimate of the gap.
    """
    direction, r = torch.zeros_like(gradient), -gradient
    p = preconditioner(r)
    rz = inner(r, p)
    eta_squared = min(ETA**2, float(rz.abs()) ** 0.5) if superlinear else GAP_ETA**2
    target = max(eta_squared, torch.finfo(gradient.dtype).eps) * float(rz)
    for _ in range(MAX_ITER):
        if not float(rz) > target and is_enough(r):
            break
        product = objective.hessian_product(theta, p)
        curvature = inner(p, product)
        if not 0 < float(curvature) < math.inf:  # rounding leaves none along p
            break
        alpha = rz / curvature
        direction = direction + alpha * p
        r = r - alpha * product
        z = preconditioner(r)
        rz, rz_old = inner(r, z), rz
        p = z + rz / rz_old * p
    return direction


def inner(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of two (C, D + 1)."""
    return torch.dot(a.flatten(), b.flatten())
