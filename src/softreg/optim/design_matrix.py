"""The design matrix: all that objective and solvers know of the data.

N rows of D numbers with their labels, read in chunks. The rows may be uint8 pixels, features in memory (half precision, if that is
enough), or a memory-mapped file. A chunk is converted to floating point, used while it is in cache, and dropped, so 60,000 MNIST
images take 47 MB and not 188. The rows may be the whole data set or one rank's shard: sums run over all ranks.
"""

import builtins
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from softreg.compute.device import accumulate_dtype
from softreg.data.memory_map import copy_rows, gather_rows, is_mapped
from softreg.optim.sparse_rows import SparseRows

BLOCK_NUMEL = {"cpu": 3 * 2**17, "cuda": 2**26, "mps": 2**24}  # numbers in a block: it fits a core's cache, or keeps a GPU busy
BLOCKS_PER_CHUNK = {"cpu": 8, "cuda": 1, "mps": 1}  # all threads share a chunk
PREFETCH_NUMEL = {False: 2**22, True: 31 * 2**20}  # numbers gathered ahead, by whether rows are mapped: malloc keeps < 32 MiB

ChunkFn = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, ...]]


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """N rows of D features, `scale * (rows - centre)`.

    The scale is folded into the weights (`fold`) and out of the gradient (`unfold`), so no pass spends time on it. The centre is
    subtracted from each chunk: folded into the bias, it would leave the rounding of the large numbers in the logits.

    Attributes
    ----------
    rows : (N, D), uint8 or floating point, as stored; or sparse
    labels : int64 (N,)
    scale : a number, or one per feature (D,), e.g. 1/255 for pixels
    centre : (D,), subtracted from every row; None if nothing is
    weights : (N,), the weight of each row; None if all are 1
    row_offset : global number of the first row stored here
    all_reduce : sums a tensor over all ranks, in place, if the rows are one rank's shard (`softreg.compute.distributed`)
    divisor : what means divide the sums over rows by, if that is not the sum of the weights: rows are left out that add nothing
    """

    rows: Any  # a Tensor or SparseRows
    labels: Tensor
    scale: float | Tensor = 1.0
    centre: Tensor | None = None
    weights: Tensor | None = None
    row_offset: int = 0
    all_reduce: Callable[[Tensor], object] | None = None
    divisor: float | None = None

    def __len__(self) -> int:
        """The number of rows stored here, N of this rank."""
        return len(self.rows)

    @property
    def n_rows_global(self) -> int:
        """N, the number of rows on all ranks."""
        return round(self._scalar_sum(len(self)))

    @property
    def weight_sum(self) -> float:
        """The sum of all weights on all ranks: N, if every row has weight 1; or the divisor in its place."""
        if self.divisor is not None:
            return self.divisor
        return self._scalar_sum(len(self) if self.weights is None else float(self.weights.double().sum()))

    def _scalar_sum(self, here: float) -> float:
        """A number, summed over all ranks."""
        return float(self.reduce_over_ranks(torch.tensor(float(here), dtype=self.accumulate_dtype, device=self.rows.device)))

    @property
    def dim(self) -> int:
        """D, the number of features."""
        return int(self.rows.shape[1])

    @property
    def mapped(self) -> bool:
        """Whether the rows are a memory-mapped file."""
        return not isinstance(self.rows, SparseRows) and is_mapped(self.rows)

    @property
    def dtype(self) -> torch.dtype:
        """What features are computed in: float64 if the rows are, else float32."""
        return torch.float64 if self.rows.dtype == torch.float64 else torch.float32

    @property
    def accumulate_dtype(self) -> torch.dtype:
        """What sums are accumulated in: float64 where the device has it."""
        return accumulate_dtype(self.rows.device)

    def rows_at(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The features (B, D) and labels (B,) of the rows `index` (B,)."""
        rows, labels = self.gather(index)
        x, factor = self.cast_into(rows.new_empty(rows.shape, dtype=self.dtype), rows)
        return (x if factor == 1 else x.mul_(factor)), labels

    def gather(self, index: Tensor, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The rows (B, D), as stored, and labels (B,) at `index` (B,); the rows are written to `out` if it is given."""
        index = index.to(self.rows.device)
        if isinstance(self.rows, SparseRows):
            return self.rows.gather(index, out), self.labels.index_select(0, index)
        return gather_rows(self.rows, index, out), self.labels.index_select(0, index)

    def cast_into(self, out: Tensor, rows: Tensor) -> tuple[Tensor, float]:
        """x (B, D), written to `out`, and a factor: the features of the stored rows (B, D) are factor * x.

        A caller that multiplies x by weights can take the factor into that product at no cost.
        """
        x = self._centred(out.copy_(rows))
        return (x.mul_(self.scale), 1.0) if isinstance(self.scale, Tensor) else (x, self.scale)

    def _centred(self, x: Tensor) -> Tensor:
        """x (B, D), the centre subtracted in place."""
        return x if self.centre is None else x.sub_(self.centre)

    def gather_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
        """Yield this rank's rows of `order` (global row numbers), several mini-batches of `size` at a time, prefetching the next.

        Each item is rows (M, D), as stored and valid until the next item; labels (M,); and how many of the M rows belong to each
        mini-batch. The first item is smaller, because nothing can be computed before it is there.
        """
        batches = max(1, PREFETCH_NUMEL[self.mapped] // self.dim // size)
        pieces = order.tensor_split(tuple(range(-(-batches // 8) * size, len(order), batches * size)))
        buffers = [self.rows.new_empty(max(map(len, pieces)), self.dim) for _ in range(2)]

        def gather(piece: Tensor) -> tuple[Tensor, Tensor, list[int]]:
            buffers.reverse()
            here = (piece >= self.row_offset) & (piece < self.row_offset + len(self))
            index = piece[here] - self.row_offset
            sizes = torch.bincount(here.nonzero()[:, 0] // size, minlength=-(-len(piece) // size))
            return *self.gather(index, out=buffers[0][: len(index)]), sizes.tolist()

        if len(pieces) == 1:
            yield gather(pieces[0])
            return
        with ThreadPoolExecutor(max_workers=1) as executor:
            ahead = executor.submit(gather, pieces[0])
            for piece in pieces[1:]:
                rows, ahead = ahead.result(), executor.submit(gather, piece)
                yield rows
            yield ahead.result()

    def fold(self, theta: Tensor) -> Tensor:
        """The theta (C, D + 1) that gives the centred rows the logits that `theta` gives the features."""
        return torch.cat([theta[:, :-1] * self.scale, theta[:, -1:]], dim=1).to(theta.dtype)

    def unfold(self, gradient: Tensor) -> Tensor:
        """The gradient (C, D + 1) with respect to theta, from that with respect to `fold(theta)`: the transpose of `fold`."""
        return torch.cat([gradient[:, :-1] * self.scale, gradient[:, -1:]], dim=1)

    def strided(self, step: int) -> "DesignMatrix":
        """Every `step`-th row of all ranks' rows, as a view."""
        skip, offset = -self.row_offset % step, -(-self.row_offset // step)
        weights = None if self.weights is None else self.weights[skip::step]
        return replace(
            self, rows=self.rows[skip::step], labels=self.labels[skip::step], weights=weights, row_offset=offset, divisor=None
        )

    def sample(self, n_rows: int) -> "DesignMatrix":
        """At most `n_rows` of all ranks' rows, evenly spaced, as a view.

        The step is odd: MNIST's rows alternate between two groups of writers, and every second row comes from one group alone.
        """
        return self.strided(-(-self.n_rows_global // n_rows) | 1)

    def slice(self, start: int, end: int) -> "DesignMatrix":
        """The global rows `start` to `end` - 1, as a view, renumbered from 0."""
        here = builtins.slice(*(min(max(bound - self.row_offset, 0), len(self)) for bound in (start, end)))
        weights = None if self.weights is None else self.weights[here]
        offset = self.row_offset + here.start - start
        return replace(self, rows=self.rows[here], labels=self.labels[here], weights=weights, row_offset=offset, divisor=None)

    def where(self, mask: Tensor) -> "DesignMatrix":
        """A copy of the rows where `mask`, bool (N,), is true; for rows in one process only."""
        weights = None if self.weights is None else self.weights[mask]
        return replace(self, rows=self.rows[mask], labels=self.labels[mask], weights=weights, divisor=None)

    def map_reduce(self, fn: ChunkFn, dtype: torch.dtype | None = None) -> tuple[Tensor, ...]:
        """The sums of `fn` over all chunks on all ranks, in float64.

        Chunks are added in the order of the rows: the number of threads changes the last bits of a product alone.
        """
        sums: list[Tensor] = []
        for terms in self.map_chunks(fn, dtype):
            if sums:
                sums = [partial.add_(term) for partial, term in zip(sums, terms, strict=True)]
            else:
                sums = [term.to(self.accumulate_dtype) for term in terms]
        return tuple(self.reduce_over_ranks(partial) for partial in sums)

    def map_chunks(self, fn: ChunkFn, dtype: torch.dtype | None = None) -> Iterator[tuple[Tensor, ...]]:
        """`fn` of each chunk, in order: of centred rows (B, D) in `dtype`, labels (B,), and weights (B,) or None.

        A chunk is a number of whole blocks, or less than one. Its rows are valid until the next chunk.
        """
        bounds, dtype = self._bounds(), dtype or self.dtype
        buffer = self.rows.new_empty(max(end - start for start, end in bounds), self.dim, dtype=dtype)
        for start, end in bounds:
            x = self._centred(_read(self.rows[start:end], buffer[: end - start]))
            yield fn(x, self.labels[start:end], None if self.weights is None else self.weights[start:end].to(dtype))

    def _bounds(self) -> list[tuple[int, int]]:
        """Where chunks begin and end."""
        size = block_rows(self.rows)
        whole = len(self) // size * size
        ends = sorted({*range(0, whole, size * BLOCKS_PER_CHUNK[self.rows.device.type]), whole, len(self)})
        return list(pairwise(ends)) or [(0, 0)]

    def all_gather(self, values: Tensor) -> Tensor:
        """What all ranks pass for their rows, (N of this rank, ...), in the order of the rows: (N, ...) on every rank."""
        if self.all_reduce is None:
            return values
        total = values.new_zeros(self.n_rows_global, *values.shape[1:])
        total[max(self.row_offset, 0) :][: len(self)] = values
        return self.reduce_over_ranks(total)

    def reduce_over_ranks(self, total: Tensor) -> Tensor:
        """`total`, summed over all ranks in place."""
        if self.all_reduce is not None:
            self.all_reduce(total)
        return total


def _read(rows: Tensor | SparseRows, out: Tensor) -> Tensor:
    """Rows (B, D) of any type, written to `out`."""
    return rows.dense_into(out) if isinstance(rows, SparseRows) else copy_rows(rows, out)


def block_rows(x: Tensor | SparseRows) -> int:
    """How many rows of x (N, D) make a block."""
    return max(1, BLOCK_NUMEL[x.device.type] // x.shape[1])


def blocks(x: Tensor) -> Tensor:
    """The rows x (B, D) of a chunk as a batch of blocks (K, B / K, D).

    Products with thin matrices are not worth splitting between threads; a batch of them, one per block, is.
    """
    size = block_rows(x)
    return x.unflatten(0, (-1, size)) if len(x) and len(x) % size == 0 else x[None]
