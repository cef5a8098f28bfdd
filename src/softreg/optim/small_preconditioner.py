"""Preconditioners for small problems, in numpy: those of `solvers.preconditioner`, of which this module has the mathematics."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from softreg.optim.small_problem import SmallProblem

Array = NDArray[Any]

MAX_SHARED = 512  # features, up to which the one block for all classes is made at the start
MAX_PRODUCTS = 2**27  # in it, beyond which it is made of some of the rows
MAX_NUMEL = 2**22  # numbers in the products of columns that the blocks of all classes are made of; beyond, of some rows
EXPONENT, TINY = 0.25, 1e-30  # of a diagonal that stands for the Hessian; smaller than any mean square
LIFT = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}  # of a diagonal, against rounding


def at_zero(problem: SmallProblem) -> Callable[[Array], Array]:
    """Applies the inverse of the Hessian at theta = 0, where it is the same for all classes.

    If that is large, of a diagonal on which the columns differ much less than on its own: large columns tell classes apart, and the
    inverse of the diagonal itself would have them learnt last. It was best between the two on pixels, counts and random columns.
    """
    d = problem.z.shape[1]
    scale = problem.z.dtype.type(0.25 if problem.k == 1 else 1 / problem.classes)
    if d > min(MAX_SHARED, len(problem.z)):
        typical = max(problem.square.mean(), TINY)
        diagonal = typical * (problem.square / typical) ** EXPONENT
        inverse = 1 / (scale * np.append(diagonal, np.ones(1, diagonal.dtype)) + problem.penalty)
        return lambda gradient: gradient * inverse
    return _shared_block(problem, np.broadcast_to(scale, len(problem.z)))


def _shared_block(problem: SmallProblem, curvature: Array) -> Callable[[Array], Array]:
    """Applies the inverse of sum_i w_i curvature_i (x_i, 1) (x_i, 1)^T plus the penalty, to every class alike; curvature (N,)."""
    sample = slice(None, None, _step(problem, problem.z.shape[1] ** 2, MAX_PRODUCTS))
    x, weights = _sampled(problem, sample)
    x *= np.sqrt(curvature[sample] * weights)[:, None]
    inverse = _inverse(_regularized(problem, x.T @ x))
    return lambda gradient: gradient @ inverse


def class_blocks(problem: SmallProblem, p: Array) -> Callable[[Array], Array]:
    """Applies the inverses of the diagonal blocks of the Hessian, one per class, where the probabilities are p (K, N)."""
    if problem.k == 1:
        return _shared_block(problem, (p * (1 - p))[0])
    width = problem.z.shape[1] + 1
    i, j = np.tril_indices(width)
    sample = slice(None, None, _step(problem, len(i), MAX_NUMEL))
    x, weights = _sampled(problem, sample)
    curvature = p[:, sample] * (1 - p[:, sample]) * weights
    full = np.zeros((width, width), dtype=np.intp)
    full[i, j] = full[j, i] = np.arange(len(i))  # which product of columns
    blocks = (curvature @ (x[:, i] * x[:, j]))[:, full.reshape(-1)].reshape(-1, width, width)
    inverses = _inverses(_regularized(problem, blocks))

    def solve(gradient: Array) -> Array:
        solved: Array = np.matmul(inverses, gradient[:, :, None])[:, :, 0]
        solved -= solved.mean(0)
        return solved

    return solve


def _step(problem: SmallProblem, products: int, limit: int) -> int:
    """Every how many rows to take, for so many products per row to stay within a limit."""
    return -(-len(problem.z) * products // limit)


def _sampled(problem: SmallProblem, sample: slice) -> tuple[Array, Array]:
    """The centred columns (M, D + 1) of some rows, the last all ones if there is a bias; and their weights (M,), which sum to 1."""
    z, weights = problem.z[sample], problem.weights[sample]
    x = np.empty((len(z), z.shape[1] + 1), z.dtype)
    np.subtract(z, problem.centre, out=x[:, :-1])
    x[:, -1] = problem.fit_intercept
    return x, weights / weights.sum()


def _regularized(problem: SmallProblem, blocks: Array) -> Array:
    """Blocks (..., D + 1, D + 1) with the penalty, and safe from rounding; changed in place."""
    width = blocks.shape[-1]
    diagonal = blocks.reshape(-1, width * width)[:, :: width + 1]  # a view
    diagonal += problem.penalty
    diagonal *= 1 + LIFT[blocks.dtype]
    if not problem.fit_intercept:
        diagonal[:, -1] = 1
    return blocks


def _inverses(blocks: Array) -> Array:
    """The inverses of positive semidefinite blocks (K, D + 1, D + 1); of certain rows, a bias has no curvature."""
    try:
        return np.linalg.inv(blocks)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(blocks, hermitian=True))


def _inverse(block: Array) -> Array:
    """The inverse of a positive definite matrix; by that of its factor, since OpenBLAS shares `potri` among threads at any size."""
    factorize, invert = (lapack.spotrf, lapack.strtri) if block.dtype == np.float32 else (lapack.dpotrf, lapack.dtrtri)
    factor, failed = factorize(block)
    if failed:
        return np.asarray(np.linalg.pinv(block, hermitian=True))
    inverse, _ = invert(factor)
    return np.asarray(inverse @ inverse.T)
