"""Newton's linear system, solved as far as it pays."""

from collections.abc import Callable

import torch
from torch import Tensor

from softreg.objective import Objective

FORCING = 0.3  # the part of the gradient that a solution may leave; near the optimum it leaves less
PRODUCTS = 200  # with the Hessian, at most


def conjugate_gradients(objective: Objective, theta: Tensor, gradient: Tensor, inverse: Callable[[Tensor], Tensor]) -> Tensor:
    """The direction (C, D + 1) with Hessian(theta) direction = -gradient, nearly; `inverse` guesses the inverse Hessian.

    Nocedal and Wright, Numerical Optimization, 2006, algorithm 5.3. The residual, in the metric of the guess, is brought below 0.3
    of the gradient, and below the square root of the gradient's length where that is less: superlinear convergence (theorem 7.2
    there).
    """
    direction, residual = torch.zeros_like(gradient), -gradient
    search = inverse(residual)
    left = inner(residual, search)
    wanted = max(min(FORCING**2, float(left.abs()) ** 0.5), torch.finfo(gradient.dtype).eps) * float(
        left
    )  # the gradient has errors
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
