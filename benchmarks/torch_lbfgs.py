"""torch.optim.LBFGS on softmax regression, a peer on every device."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

Clock = Callable[[], float]


def torch_lbfgs(
    x: Tensor,
    y: Tensor,
    classes: int,
    l2: float,
    *,
    tol: float,
    iterations: int = 5000,
    limit: float = math.inf,
    clock: Clock = time.perf_counter,
) -> tuple[Tensor, Tensor]:
    """Weights (C, D) and bias (C,) for rows x (N, D) and labels y (N,), by its strong Wolfe line search.

    After `limit` seconds, those at which its objective was lowest.
    """
    began = clock()
    linear = torch.nn.Linear(x.shape[1], classes, device=x.device)
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.zeros_(linear.bias)
    limits: dict[str, Any] = {"max_iter": iterations, "max_eval": 2 * iterations, "history_size": 20, "tolerance_change": 1e-12}
    optimizer = torch.optim.LBFGS(linear.parameters(), line_search_fn="strong_wolfe", tolerance_grad=tol, **limits)
    lowest, answer = math.inf, (linear.weight.detach(), linear.bias.detach())

    def closure() -> Tensor:
        nonlocal lowest, answer
        if clock() - began > limit:
            raise TimeoutError
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(linear(x), y) + 0.5 * l2 * linear.weight.square().sum()
        loss.backward()
        if limit < math.inf and loss.item() < lowest:
            lowest, answer = loss.item(), (linear.weight.detach().clone(), linear.bias.detach().clone())
        return loss

    with suppress(TimeoutError):
        optimizer.step(closure)
        return linear.weight.detach(), linear.bias.detach()
    return answer
