"""The design matrix: all that objective and solvers know of data.

N rows of D numbers with their labels, asked for in chunks. The rows may be uint8 pixels, features in memory (half precision, if
that serves), or a memory-mapped file; a chunk is made float, used while it is in cache, and let go, so that 60,000 images cost 47
MB and not 188. The rows here may be all there are, or one rank's share: sums run over all ranks.
"""

import builtins
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from softreg.compute.device import accumulate_dtype
from softreg.data.memory_map import copy_rows, gather_rows, is_mapped

BLOCK_NUMEL = {"cpu": 3 * 2**17, "cuda": 2**26, "mps": 2**24}  # numbers in a block: a core's cache holds it, or it keeps a GPU busy
BLOCKS_PER_CHUNK = {"cpu": 8, "cuda": 1, "mps": 1}  # in a chunk, shared by all threads
PREFETCH_NUMEL = {
    False: 2**22,
    True: 31 * 2**20,
}  # numbers gathered ahead, of rows in memory or mapped: below 32 MiB malloc keeps them

ChunkFn = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, ...]]


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """N rows of D features, `scale * rows + offset`.

    Scale and offset are folded into the weights (`fold`) and out of the gradient (`unfold`), so no pass spends time on them.

    Attributes
    ----------
    rows : (N, D), uint8 or floating point; what is stored
    labels : int64 (N,)
    scale : a number, or one for each feature (D,), e.g. 1/255 for pixels
    offset : likewise
    weights : (N,), what each row counts; None if all count one
    first : the number, among the rows of all ranks, of the first row here
    all_reduce : sums a tensor over all ranks, in place, where the rows are one rank's share (`softreg.compute.distributed`)
    """

    rows: Tensor
    labels: Tensor
    scale: float | Tensor = 1.0
    offset: float | Tensor = 0.0
    weights: Tensor | None = None
    first: int = 0
    all_reduce: Callable[[Tensor], object] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def count(self) -> int:
        """N, the number of rows on all ranks."""
        return round(
            float(self.reduce_over_ranks(torch.tensor(float(len(self)), dtype=self.accumulate_dtype, device=self.rows.device)))
        )

    @property
    def dim(self) -> int:
        """D, the number of features."""
        return self.rows.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """What features are computed in: float64 if the rows are, else float32."""
        return torch.float64 if self.rows.dtype == torch.float64 else torch.float32

    @property
    def total(self) -> float:
        """The sum of all weights, on all ranks: N, if every row counts one."""
        here = torch.tensor(
            float(len(self)) if self.weights is None else float(self.weights.double().sum()), dtype=self.accumulate_dtype
        )
        return float(self.reduce_over_ranks(here.to(self.rows.device)))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The features (B, D) and labels (B,) of the rows numbered `index` (B,)."""
        rows, labels = self.gather(index)
        x, unit = self.features_in(rows.new_empty(rows.shape, dtype=self.dtype), rows)
        return (x if unit == 1 else x.mul_(unit)), labels

    def gather(self, index: Tensor, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The rows (B, D), as stored, and labels (B,) numbered `index` (B,); the rows are written to `out`, if it is given."""
        index = index.to(self.rows.device)
        return gather_rows(self.rows, index, out), self.labels.index_select(0, index)

    def features_in(self, place: Tensor, rows: Tensor) -> tuple[Tensor, float]:
        """x (B, D), written to `place`, and a unit: the features of rows (B, D) as stored are unit * x.

        Whoever multiplies x by weights can have the unit taken into that product for nothing.
        """
        x = place.copy_(rows)
        if isinstance(self.scale, Tensor) or isinstance(self.offset, Tensor) or self.offset:
            return x.mul_(self.scale).add_(self.offset), 1.0
        return x, self.scale

    def gather_batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
        """Those of the rows `order`, numbered over all ranks, that are here, and their labels, many batches of `size` at a time.

        Yields rows (M, D), as stored, to be read before the next; labels (M,); how many rows of each batch the M are. The next are
        gathered meanwhile. The first are fewer, since nothing can be done until they are there.
        """
        batches = max(1, PREFETCH_NUMEL[is_mapped(self.rows)] // self.dim // size)
        pieces = order.tensor_split(tuple(range(-(-batches // 8) * size, len(order), batches * size)))
        places = [self.rows.new_empty(max(map(len, pieces)), self.dim) for _ in range(2)]

        def gather(piece: Tensor) -> tuple[Tensor, Tensor, list[int]]:
            places.reverse()
            here = (piece >= self.first) & (piece < self.first + len(self))
            index = piece[here] - self.first
            sizes = torch.bincount(here.nonzero()[:, 0] // size, minlength=-(-len(piece) // size))
            return *self.gather(index, out=places[0][: len(index)]), sizes.tolist()

        if len(pieces) == 1:
            yield gather(pieces[0])
            return
        with ThreadPoolExecutor(max_workers=1) as gatherer:
            ahead = gatherer.submit(gather, pieces[0])
            for piece in pieces[1:]:
                rows, ahead = ahead.result(), gatherer.submit(gather, piece)
                yield rows
            yield ahead.result()

    def fold(self, theta: Tensor) -> Tensor:
        """theta (C, D + 1) for features as one for rows: the same logits."""
        weight, bias = theta[:, :-1], theta[:, -1]
        return torch.cat([weight * self.scale, (bias + (weight * self.offset).sum(1))[:, None]], dim=1).to(theta.dtype)

    def unfold(self, gradient: Tensor) -> Tensor:
        """The gradient (C, D + 1) with respect to theta from that with respect to `fold(theta)`: its transpose."""
        weight, bias = gradient[:, :-1], gradient[:, -1:]
        return torch.cat([weight * self.scale + bias * self.offset, bias], dim=1)

    def strided(self, step: int) -> "DesignMatrix":
        """Every `step`-th row of all ranks' rows, as a view: nothing is copied."""
        skip, first = -self.first % step, -(-self.first // step)
        weights = None if self.weights is None else self.weights[skip::step]
        return replace(self, rows=self.rows[skip::step], labels=self.labels[skip::step], weights=weights, first=first)

    def sample(self, rows: int) -> "DesignMatrix":
        """At most `rows` of all ranks' rows, spread evenly, as a view.

        The step is odd: MNIST's rows come in turn from two groups of writers, and every second row is of one group alone.
        """
        return self.strided(-(-self.count // rows) | 1)

    def slice(self, first: int, end: int) -> "DesignMatrix":
        """The rows numbered `first` to `end` - 1 over all ranks, as a view; they are numbered anew from 0."""
        here = builtins.slice(*(min(max(each - self.first, 0), len(self)) for each in (first, end)))
        weights = None if self.weights is None else self.weights[here]
        start = self.first + here.start - first
        return replace(self, rows=self.rows[here], labels=self.labels[here], weights=weights, first=start)

    def where(self, chosen: Tensor) -> "DesignMatrix":
        """A copy of the rows at which the mask `chosen`, bool (N,), is true; rows on one process only."""
        weights = None if self.weights is None else self.weights[chosen]
        return replace(self, rows=self.rows[chosen], labels=self.labels[chosen], weights=weights)

    def sum(self, part: ChunkFn, dtype: torch.dtype | None = None) -> tuple[Tensor, ...]:
        """The sums, over all rows on all ranks, of what `part` makes of each chunk.

        They are float64 and taken in the order of the rows: the number of threads changes the last bits of a product alone.
        """
        sums: list[Tensor] = []
        for terms in self.each(part, dtype):
            sums = (
                [total.add_(term) for total, term in zip(sums, terms, strict=True)]
                if sums
                else [t.to(self.accumulate_dtype) for t in terms]
            )
        return tuple(self.reduce_over_ranks(total) for total in sums)

    def each(self, part: ChunkFn, dtype: torch.dtype | None = None) -> Iterator[tuple[Tensor, ...]]:
        """What `part` makes of each chunk, in order: of rows (B, D) in `dtype`, labels (B,), and weights (B,) or None.

        A chunk is whole blocks, or less than one. Its rows are to be read before the next chunk.
        """
        bounds, dtype = self._bounds(), dtype or self.dtype
        place = self.rows.new_empty(max(end - start for start, end in bounds), self.dim, dtype=dtype)
        for start, end in bounds:
            x = copy_rows(self.rows[start:end], place[: end - start])
            yield part(x, self.labels[start:end], None if self.weights is None else self.weights[start:end].to(dtype))

    def _bounds(self) -> list[tuple[int, int]]:
        """Where chunks begin and end."""
        rows = block_rows(self.rows)
        whole = len(self) // rows * rows
        ends = sorted({*range(0, whole, rows * BLOCKS_PER_CHUNK[self.rows.device.type]), whole, len(self)})
        return list(pairwise(ends)) or [(0, 0)]

    def reduce_over_ranks(self, total: Tensor) -> Tensor:
        """`total`, summed over all ranks in place."""
        if self.all_reduce is not None:
            self.all_reduce(total)
        return total

    @property
    def accumulate_dtype(self) -> torch.dtype:
        """What sums are computed in."""
        return accumulate_dtype(self.rows.device)


def block_rows(x: Tensor) -> int:
    """How many rows like those of x (N, D) make a block."""
    return max(1, BLOCK_NUMEL[x.device.type] // x.shape[1])


def blocks(x: Tensor) -> Tensor:
    """The rows x (B, D) of a chunk, block by block: (K, B / K, D).

    Products with thin matrices are not worth sharing between threads; a batch of them, a block each, is.
    """
    rows = block_rows(x)
    return x.unflatten(0, (-1, rows)) if len(x) and len(x) % rows == 0 else x[None]
