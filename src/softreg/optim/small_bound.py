"""The lower bound on the objective over a small dense array, in numpy and float64: the mathematics of `duality_gap`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

Array = NDArray[Any]

BIAS_STEPS = 2
RIDGE = 1e-14
CLOSE = 1e-13  # a mean probability to a class frequency
BLOCK_NUMEL = 2**16  # numbers made float64 at a time


def dual_point(log_p: Array, p: Array, labels: NDArray[np.int64], weights: Array, *, fit_intercept: bool) -> tuple[float, Array]:
    """The entropy of probabilities p, and their residual r (C, N), which prove a lower bound on the objective at any theta.

    The bound is the entropy minus |sum_i r_i x_i^T|^2 / (2 l2).

    Parameters
    ----------
    log_p, p : (C, N)
    weights : (N,), sum to 1
    fit_intercept : whether there is a bias; p should then agree with the labels in the mean (`optimal_bias`), nearly
    """
    entropy = -float(np.einsum("ci,ci->i", p, log_p) @ weights)
    residual = p * weights
    if fit_intercept:
        frequency, mixed = np.bincount(labels, weights, len(p)), residual.sum(1)  # (C,)
        excess = mixed - frequency
        s = float(np.max(np.divide(excess, mixed, where=mixed > 0, out=np.zeros_like(excess)), initial=0))
        if s > 0:
            r = np.maximum(frequency - (1 - s) / s * excess, 0)  # (C,)
            entropy = (1 - s) * entropy - s * float(r[r > 0] @ np.log(r[r > 0]))
            residual = (1 - s) * residual + np.outer(s * r, weights)
    residual[labels, np.arange(len(labels))] -= weights
    return entropy, residual


def optimal_bias(log_p: Array, p: Array, labels: NDArray[np.int64], weights: Array) -> tuple[Array, Array]:
    """Log p and p (C, N) after two Newton steps in the biases, which take no pass over the rows."""
    frequency = np.bincount(labels, weights, len(p))
    for _ in range(BIAS_STEPS):
        weighted = p * weights
        mean = weighted.sum(1)
        excess = mean - frequency
        if np.abs(excess).max() <= CLOSE:
            break
        hessian = np.diag(mean + RIDGE) - weighted @ p.T + 1 / len(mean)  # (C, C), definite along what is the same for all
        _, step, _ = dposv(hessian, excess)  # a class may have no weight, hence the ridge
        step = np.minimum(np.maximum(step, -1), 1)[:, None]
        p = p * np.exp(-step)
        total = p.sum(0)
        p /= total
        log_p = log_p - (step + np.log(total))
    return log_p, p


def log_probabilities(logits: Array) -> tuple[Array, Array]:
    """Log p and p (C, N), of float64 logits (C, N), or (1, N) for two classes."""
    if len(logits) == 1:
        larger = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
        log_p = np.concatenate([-larger, logits - larger])
        return log_p, np.exp(log_p)
    log_p = logits - logits.max(0)
    p = np.exp(log_p)
    total = p.sum(0)
    p /= total
    log_p -= np.log(total)
    return log_p, p


def blocks64(rows: Array) -> Iterator[tuple[slice, Array]]:
    """The rows (N, D) in float64, as many at a time as stay in cache, each block valid until the next."""
    n, d = rows.shape
    size = max(1, BLOCK_NUMEL // d)
    buffer = np.empty((min(n, size), d)) if rows.dtype != np.float64 else None
    for start in range(0, n, size):
        block = rows[start : start + size]
        if buffer is not None:
            buffer[: len(block)] = block
            block = buffer[: len(block)]
        yield slice(start, start + len(block)), block
