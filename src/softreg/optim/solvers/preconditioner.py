"""Preconditioners: affordable approximations of the Hessian, whose inverse turns a gradient into a good direction.

The Hessian of softmax regression is sum_i (diag(p_i) - p_i p_i^T) kron x_i x_i^T / N + l2. Three approximations of it:

- at theta = 0 all p are 1/C, and it is the Gram matrix of the features, over C, for every class (the idea of Boehning's bound);
- later, only its diagonal blocks, one per class: sum_i p_ic (1 - p_ic) x_i x_i^T / N. Most rows are classified with near certainty
  and p (1 - p) is almost zero: two thousand rows per class, sampled with probability proportional to p (1 - p) and weighted by its
  inverse, serve nearly as well as all 60,000 of MNIST (47 iterations against 40) at a twentieth of the cost;
- where the blocks would be too large, their sum for all classes, and beyond that its diagonal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

import torch
from torch import Generator, Tensor

from softreg.compute.threads import thread_map
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import WIDE_NUMEL, Objective

SAMPLE_SIZE = 2000  # rows sampled for each block, or twice the features if they are more ...
MANY_CLASSES = 40  # ... and fewer in proportion where there are more classes
MAX_CANDIDATES = 2**17  # rows sampled from
MAX_PROBABILITIES = 2**25  # of candidates, all classes together
MAX_NUMEL = 2**26  # numbers in the blocks of all classes: 256 MB ...
SHARED = 2  # ... and times that in one block for all: up to 11,584 features
MAX_SAMPLE_NUMEL = 2**27  # numbers in the sampled rows: twice the features to 8,192 of them, fewer beyond
WORTH_INVERTING, SMALL = 10, 64  # solves; and rows of a block, up to which one is enough
PANEL_WIDTH = 112
NEGLIGIBLE = 1e-5  # a penalty below this part of the largest diagonal
TINY = 1e-30  # its inverse fits a float32


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """Solves linear systems with an approximation of the Hessian.

    Attributes
    ----------
    factor : Cholesky factors, (C, D + 1, D + 1) or (1, D + 1, D + 1) for all classes; or a diagonal (C, D + 1)
    is_mean : one block is the mean of the blocks of many classes: its scale is not right for any of them
    """

    factor: Tensor
    is_mean: bool = False

    @cached_property
    def inverse(self) -> Tensor:
        """The inverse of what was factored: for the price of ten solves, of which each then takes half or a fifth of the time."""
        return torch.stack([torch.cholesky_inverse(factor) for factor in self.factor])

    def solve(self, gradient: Tensor) -> Tensor:
        """The d (C, D + 1) with approximate Hessian d = gradient (C, D + 1), shifted to sum to zero over classes."""
        right = gradient.to(self.factor.dtype)
        if self.factor.ndim == 2:
            direction = right / self.factor
        elif len(self.factor) == 1:
            direction = torch.cholesky_solve(right.T, self.factor[0]).T
        else:
            direction = torch.cholesky_solve(right[:, :, None], self.factor)[:, :, 0]
        return (direction - direction.mean(0)).to(gradient.dtype)

    def repeated_solve(self) -> Callable[[Tensor], Tensor]:
        """`solve` for many calls: from the tenth on by products with the inverse, or from the first where inverting costs nothing.

        Which call it is decides, not what was computed before: a run that is resumed has the same bits.
        """
        calls, first = count(1), 1 if self.factor.shape[-1] <= SMALL else WORTH_INVERTING

        def solve(gradient: Tensor) -> Tensor:
            if self.factor.ndim == 2 or next(calls) < first:
                return self.solve(gradient)
            right = gradient.to(self.factor.dtype)
            one = len(self.factor) == 1
            direction = right @ self.inverse[0] if one else torch.bmm(self.inverse, right[:, :, None])[:, :, 0]
            return (direction - direction.mean(0)).to(gradient.dtype)

        return solve


def precondition(objective: Objective, theta: Tensor, seed: int = 0) -> Preconditioner:
    """The approximation of the Hessian at theta (C, D + 1)."""
    objective = replace(objective, matrix=objective.matrix.sample(min(MAX_CANDIDATES, MAX_PROBABILITIES // objective.classes)))
    p = objective.probabilities(theta)  # (C, M)
    curvature = p * (1 - p)  # (C, M)
    size = (objective.matrix.dim + 1) ** 2
    if not theta.any() or objective.classes * size > MAX_NUMEL:
        curvature = curvature.mean(0, keepdim=True)  # (1, M): the same for every class
    if objective.matrix.weights is not None:
        curvature *= objective.matrix.weights
    is_mean = len(curvature) == 1 and theta.numel() >= WIDE_NUMEL and bool(theta.any())
    if size > SHARED * MAX_NUMEL:
        return Preconditioner(_diagonal(objective, curvature), is_mean)
    blocks = _blocks(objective, curvature, seed)
    if not objective.fit_intercept:
        blocks[:, -1, :-1], blocks[:, -1, -1] = 0, 1
    if objective.matrix.n_rows_global > _sample_size(objective):
        _cover_rare_columns(objective, theta, blocks)
    return Preconditioner(_factor(blocks, objective.l2_per_feature), is_mean)


def _sample_size(objective: Objective) -> int:
    """About how many rows to sample for each block."""
    dim = objective.matrix.dim
    return max(SAMPLE_SIZE * MANY_CLASSES // max(MANY_CLASSES, objective.classes), min(2 * dim, MAX_SAMPLE_NUMEL // max(dim, 1)))


def _blocks(objective: Objective, curvature: Tensor, seed: int) -> Tensor:
    """sum_i curvature_ci (x_i, 1) (x_i, 1)^T / N for each c, (K, D + 1, D + 1), estimated by importance sampling of rows."""
    matrix = objective.matrix
    generator = Generator().manual_seed(seed)
    inclusion = _inclusion(matrix, curvature, _sample_size(objective))  # (K, M)
    uniform = torch.rand(len(inclusion), matrix.n_rows_global, generator=generator)  # for all ranks' rows: shards change nothing
    sampled = uniform[:, matrix.row_offset : matrix.row_offset + len(matrix)].to(inclusion.device) < inclusion  # (K, M)

    def block(c: int) -> Tensor:
        index = sampled[c].nonzero()[:, 0]
        x = matrix.rows_at(index)[0].to(curvature.dtype)  # (B, D)
        return _gram(x, (curvature[c, index] / inclusion[c, index]).sqrt())

    with thread_map(matrix.rows.device, len(curvature)) as map_fn:
        blocks = _stacked(list(map_fn(block, range(len(curvature)))))
    return matrix.reduce_over_ranks(blocks).div_(matrix.weight_sum)


def _inclusion(matrix: DesignMatrix, curvature: Tensor, n_rows: int) -> Tensor:
    """The probability (K, M) of sampling each row for each block, proportional to curvature; about `n_rows` of all ranks' rows."""
    if matrix.n_rows_global <= n_rows:
        return torch.ones_like(curvature)
    inclusion = curvature
    for _ in range(2):  # what is clamped at one is distributed among the others
        total = matrix.reduce_over_ranks(inclusion.sum(1, dtype=matrix.accumulate_dtype)).clamp(min=TINY)  # (K,)
        inclusion = (inclusion * (n_rows / total).to(inclusion.dtype)[:, None]).clamp_(max=1)
    return inclusion


def _cover_rare_columns(objective: Objective, theta: Tensor, blocks: Tensor) -> None:
    """Raise the diagonal of the blocks (K, D + 1, D + 1), in place, to what it is over all rows, not only the sampled ones.

    A column that is almost always zero may be zero in every sampled row. A penalty that is not negligible keeps the steps along it
    short; under a weaker one they would be too long by orders of magnitude.
    """
    diagonal = blocks.diagonal(dim1=1, dim2=2)[:, :-1]  # (K, D), a view
    if float(torch.as_tensor(objective.l2_per_feature).min()) > NEGLIGIBLE * float(diagonal.amax()):
        return
    exact = objective.hessian_diagonal(theta)[:, :-1]  # (C, D)
    if len(diagonal) == 1:
        exact = exact.mean(0, keepdim=True)
    diagonal.copy_(torch.maximum(diagonal, exact.to(diagonal.dtype)))


def _gram(x: Tensor, root: Tensor) -> Tensor:
    """The lower triangle, and a little more, of the Gram matrix (D + 1, D + 1) of rows root_i (x_i, 1); x (B, D), root (B,).

    Panels of columns save half the work; and a product of 784 columns takes three quarters of the time of one of 785.
    """
    x = x.mul_(root[:, None])
    gram = x.new_zeros(x.shape[1] + 1, x.shape[1] + 1)
    for panel in torch.arange(x.shape[1]).split(PANEL_WIDTH):
        first, end = int(panel[0]), int(panel[-1]) + 1
        gram[first:end, :end] = x[:, first:end].T @ x[:, :end]
    gram[-1, :-1], gram[-1, -1] = root @ x, root.square().sum()
    return gram


def _with_ones(x: Tensor) -> Tensor:
    """Rows (B, D + 1), a one appended for the bias."""
    return torch.cat([x, x.new_ones(len(x), 1)], dim=1)


def _diagonal(objective: Objective, curvature: Tensor) -> Tensor:
    """The diagonal (1, D + 1) of the approximation, penalty included, for features too many for even one block."""
    matrix, step = objective.matrix, -(-objective.matrix.n_rows_global // SAMPLE_SIZE) | 1
    squares = torch.zeros(matrix.dim + 1, dtype=matrix.accumulate_dtype, device=matrix.rows.device)
    for index in torch.arange(-matrix.row_offset % step, len(matrix), step).split(256):
        x, _ = matrix.rows_at(index)
        squares += curvature[0, index].to(matrix.accumulate_dtype) @ _with_ones(x).to(matrix.accumulate_dtype).square()
    squares = matrix.reduce_over_ranks(squares).mul_(step / matrix.weight_sum)
    squares[:-1] += objective.l2_per_feature
    return squares.clamp(min=torch.finfo(torch.float32).tiny)[None].to(curvature.dtype)


def _factor(blocks: Tensor, l2: float | Tensor) -> Tensor:
    """Cholesky factors of the blocks (K, D + 1, D + 1) with the penalty; what rounding made indefinite is regularised."""
    diagonal = blocks.diagonal(dim1=1, dim2=2)  # (K, D + 1), a view
    diagonal[:, :-1] += l2
    lift = diagonal * torch.finfo(blocks.dtype).eps + torch.finfo(blocks.dtype).tiny  # a column's own: they may differ by 1e9
    with thread_map(blocks.device, len(blocks)) as map_fn:
        factors = map_fn(lambda c: _cholesky(blocks[c], diagonal[c], lift[c]), range(len(blocks)))
        return _stacked([factor.mT for factor in factors]).mT  # column-major, as LAPACK wants them: else every solve copies them


def _stacked(blocks: list[Tensor]) -> Tensor:
    """The blocks (D + 1, D + 1) as (K, D + 1, D + 1), contiguous; a single one, which may be large, is not copied."""
    return torch.stack(blocks) if len(blocks) > 1 else blocks[0].contiguous()[None]


def _cholesky(block: Tensor, diagonal: Tensor, lift: Tensor) -> Tensor:
    """The lower Cholesky factor of a block (D + 1, D + 1), of which only the lower triangle is read."""
    while True:
        diagonal += lift
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(block)
        if not failed:
            return factor
        lift *= 4
