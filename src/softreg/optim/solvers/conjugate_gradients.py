"""Newton's linear system, solved as far as it pays."""

from collections.abc import Callable

import torch
from torch import Tensor

from softreg.optim.objective import Objective

Inverse = Callable[[Tensor], Tensor]

FORCING, ESTIMATE = 0.3, 0.5  # the part of the gradient that a solution may leave: of a direction to go, of an estimate of the gap
PRODUCTS = 200  # with the Hessian, at most


def conjugate_gradients(objective: Objective, theta: Tensor, gradient: Tensor, inverse: Inverse, *, superlinear: bool) -> Tensor:
    """The direction (C, D + 1) with Hessian(theta) direction = -gradient, nearly; `inverse` guesses the inverse Hessian.

    Nocedal and Wright, Numerical Optimization, 2006, algorithm 5.3. The residual, in the metric of the guess, is brought below half
    of the gradient: an estimate of the gap is then right to a quarter. Where `superlinear` convergence is wanted, it is brought
    below 0.3 and the square root of the gradient's length (theorem 7.2 there); never below the gradient's own rounding.
    """
    direction, residual = torch.zeros_like(gradient), -gradient
    search = inverse(residual)
    left = inner(residual, search)
    forcing = min(FORCING**2, float(left.abs()) ** 0.5) if superlinear else ESTIMATE**2
    wanted = max(forcing, torch.finfo(gradient.dtype).eps) * float(left)
    for _ in range(PRODUCTS):
        if not float(left) > wanted:
            break
        product = objective.hessian_product(theta, search)
        length = left / inner(search, product)
        direction = direction + length * search
        residual = residual - length * product
        solved = inverse(residual)
        left, before = inner(residual, solved), left
        search = solved + left / before * search
    return direction


def inner(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of two (C, D + 1)."""
    return torch.dot(a.flatten(), b.flatten())
