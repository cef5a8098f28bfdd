"""L1 and elastic net penalties, by L-BFGS-B on the positive and negative parts of the weights, to a proven gap.

With W = U - V, U, V >= 0, the penalty l1 |W| is the linear l1 (U + V) and the objective smooth (Byrd, Lu, Nocedal and Zhu, A
limited memory algorithm for bound constrained optimization, SIAM J. Sci. Comput. 16, 1995). At its bounds a weight is zero.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from softreg.optim.duality_gap import duality_gap
from softreg.optim.objective import Objective
from softreg.optim.solvers.conjugate_gradients import inner

HISTORY_SIZE = 30
CHECK_EVERY = 10  # iterations between proofs
MAX_POLISHINGS, MAX_CG, RESIDUAL = 30, 200, 1e-6
FLAT, TINY = 1e-13, 1e-30  # a curvature that is only rounding, relative to the diagonal's; smaller than any
ROUNDING = 1e-14


def minimize_elastic_net(objective: Objective, theta: Tensor, tol: float, max_iter: int) -> tuple[Tensor, int, float]:
    """Theta (C, D + 1), float64, the iterations it took, and its proven gap; begun at theta (C, D + 1).

    Ends when the gap is proven to be at most `tol`, after `max_iter` iterations, or when rounding hides any progress.
    """
    classes, d = theta.shape[0], theta.shape[1] - 1
    n = classes * d
    l1 = (torch.as_tensor(objective.l1, dtype=torch.float64).expand(classes, d)).reshape(-1).numpy()  # (C D,)
    steps, gap = 0, float("inf")

    def unpack_parts(z: NDArray[np.float64]) -> Tensor:
        weight = torch.from_numpy(z[:n] - z[n : 2 * n]).view(classes, d)
        return torch.cat([weight, torch.from_numpy(z[2 * n :].copy())[:, None]], dim=1)

    def value_and_gradient(z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = unpack_parts(z)
        value, gradient = objective.value_and_gradient(theta)
        slope = gradient[:, :-1].reshape(-1).numpy()
        surplus = float(l1 @ np.minimum(z[:n], z[n : 2 * n])) * 2  # of l1 (U + V) over l1 |W|, which the value has
        return value + surplus, np.concatenate([slope + l1, l1 - slope, gradient[:, -1].numpy()])

    def after_step(z: NDArray[np.float64]) -> None:
        nonlocal steps, gap
        steps += 1
        if steps % CHECK_EVERY == 0:
            gap = duality_gap(objective, unpack_parts(z)).gap
            if gap <= tol:
                raise StopIteration

    weight = theta[:, :-1].double().reshape(-1).numpy()
    start = np.concatenate([weight.clip(0), (-weight).clip(0), theta[:, -1].double().numpy()])
    bounds = [(0, None)] * (2 * n) + [(None, None) if objective.fit_intercept else (0, 0)] * classes
    options = {"maxiter": max_iter, "maxfun": 20 * max_iter + 1, "maxcor": HISTORY_SIZE, "ftol": 0, "gtol": 0}
    found = scipy_minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, callback=after_step, options=options
    )
    theta = unpack_parts(found.x)
    gap = duality_gap(objective, theta).gap
    for _ in range(MAX_POLISHINGS):
        if gap <= tol or steps >= max_iter:
            break
        theta, steps = _newton_on_support(objective, theta), steps + 1
        gap = min(gap, duality_gap(objective, theta).gap)
    return theta, steps, duality_gap(objective, theta).gap


def _newton_on_support(objective: Objective, theta: Tensor) -> Tensor:
    """Theta (C, D + 1) after a Newton step among the weights that are not zero, each keeping its sign.

    The step ends where the first weight becomes zero. With signs fixed the objective is smooth. L-BFGS-B ends where it no longer
    falls in float64; gradients, on which the proof rests, can be made far smaller. Conjugate gradients, with the diagonal of
    the Hessian as preconditioner.
    """
    weight = theta[:, :-1]
    support = torch.cat([weight != 0, torch.full_like(theta[:, -1:], objective.fit_intercept, dtype=torch.bool)], dim=1)
    signs = torch.cat([weight.sign() * objective.l1, torch.zeros_like(theta[:, -1:])], dim=1)
    _, gradient = objective.value_and_gradient(theta)
    diagonal = objective.hessian_diagonal(theta)
    diagonal[:, :-1] += objective.l2_per_feature
    inverse = support / diagonal.clamp(min=torch.finfo(theta.dtype).tiny)
    r, d = -(gradient + signs) * support, torch.zeros_like(theta)
    p = z = inverse * r
    rz = inner(r, z)
    target = RESIDUAL**2 * float(rz)
    for _ in range(MAX_CG):
        if not float(rz) > target:
            break
        product = objective.hessian_product(theta, p) * support
        curvature = inner(p, product)
        if float(curvature) <= FLAT * float(inner(p, p * diagonal)):  # only the l1 penalty changes this way, in proportion
            d = d + p * float(rz) / max(float(curvature), TINY)
            break
        alpha = rz / curvature
        d, r = d + alpha * p, r - alpha * product
        z = inverse * r
        rz, rz_old = inner(r, z), rz
        p = z + rz / rz_old * p
    ratio = torch.where(d[:, :-1] * weight < 0, -weight / d[:, :-1], torch.inf)  # (C, D), the length at which a weight is zero
    length = min(1.0, float(ratio.min()))
    after = theta + length * d
    after[:, :-1][ratio <= length] = 0
    return after if objective.value(after) <= objective.value(theta) + ROUNDING else theta
