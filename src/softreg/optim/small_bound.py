"""The lower bound on the objective over a small dense array, in numpy and float64: the mathematics of `duality_gap`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BIAS_STEPS = 2
RIDGE = 1e-14


def lower_bound(
    log_p: Array, one_hot: Array, weights: Array, penalized_square: Callable[[Array], float], *, fit_intercept: bool
) -> float:
    """What the objective cannot go below at any theta, proven by the probabilities p.

    Parameters
    ----------
    log_p : (C, N)
    one_hot : (C, N), the weight of a row where its class is
    weights : (N,), sum to 1
    penalized_square : |sum_i r_i x_i^T|^2 / (2 l2) of residuals r (C, N)
    fit_intercept : whether there is a bias; p should then agree with the labels in the mean (`optimal_bias`), nearly
    """
    p = np.exp(log_p)
    entropy = -float(np.einsum("ci,ci->i", p, log_p) @ weights)
    residual = p * weights - one_hot
    if fit_intercept:
        frequency, excess = one_hot.sum(1), residual.sum(1)  # (C,)
        mixed = frequency + excess
        s = float(np.max(np.divide(excess, mixed, where=mixed > 0, out=np.zeros_like(excess)), initial=0))
        if s > 0:
            r = np.maximum(frequency - (1 - s) / s * excess, 0)  # (C,)
            entropy = (1 - s) * entropy - s * float(r[r > 0] @ np.log(r[r > 0]))
            residual *= 1 - s
            residual += s * (np.outer(r, weights) - one_hot)
    return max(entropy - penalized_square(residual), 0.0)


def optimal_bias(log_p: Array, one_hot: Array, weights: Array) -> Array:
    """Log p (C, N) after two Newton steps in the biases, which take no pass over the rows."""
    frequency = one_hot.sum(1)
    for _ in range(BIAS_STEPS):
        p = np.exp(log_p)
        weighted = p * weights
        mean = weighted.sum(1)
        hessian = np.diag(mean) - weighted @ p.T + 1 / len(mean)  # (C, C), definite along what is the same for all
        hessian.flat[:: len(mean) + 1] += RIDGE  # a class may have no weight
        step = np.clip(np.linalg.solve(hessian, mean - frequency), -1, 1)
        log_p = log_p - step[:, None]
        log_p -= np.log(np.exp(log_p).sum(0))
    return log_p
