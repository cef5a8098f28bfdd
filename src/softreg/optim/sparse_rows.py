"""Sparse rows for a design matrix: a chunk at a time is made dense, never the whole."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A SciPy CSR matrix (N, D) of float32 or float64, with as much of a tensor's interface as a design matrix needs."""

    matrix: Any

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        n, d = self.matrix.shape
        return int(n), int(d)

    @property
    def dtype(self) -> torch.dtype:
        """Of the entries."""
        return torch.float64 if self.matrix.dtype == np.float64 else torch.float32

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def __getitem__(self, rows: slice | Tensor) -> "SparseRows":
        """The rows of a slice, or where a mask is true."""
        return SparseRows(self.matrix[rows if isinstance(rows, slice) else rows.numpy()])

    def new_empty(self, *shape: Any, dtype: torch.dtype | None = None) -> Tensor:
        """A dense tensor, as `Tensor.new_empty`."""
        return torch.empty(*shape, dtype=dtype or self.dtype)

    def dense_into(self, out: Tensor) -> Tensor:
        """The rows (N, D), written to `out`, of any floating type."""
        if out.dtype == self.dtype and out.is_contiguous():
            self.matrix.toarray(out=out.numpy())
            return out
        return out.copy_(torch.from_numpy(self.matrix.toarray()))

    def gather(self, index: Tensor, out: Tensor | None = None) -> Tensor:
        """The rows (B, D) at `index` (B,), dense."""
        rows = SparseRows(self.matrix[index.numpy()])
        return rows.dense_into(self.new_empty(rows.shape) if out is None else out)
