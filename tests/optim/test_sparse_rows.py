"""Sparse rows against SciPy's own dense array of the same matrix."""

import numpy as np
import pytest
import torch
from scipy import sparse

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.sparse_rows import SparseRows

DTYPES = {np.float32: torch.float32, np.float64: torch.float64}


def random_rows(dtype: type[np.floating]) -> tuple[SparseRows, torch.Tensor]:
    matrix = sparse.random_array((30, 7), density=0.3, format="csr", dtype=dtype, rng=np.random.default_rng(2))
    return SparseRows(matrix), torch.from_numpy(matrix.toarray())


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_says_what_a_tensor_would(dtype: type[np.floating]) -> None:
    rows, dense = random_rows(dtype)
    assert (len(rows), rows.shape, rows.dtype, rows.device) == (len(dense), dense.shape, dense.dtype, dense.device)
    assert rows.new_empty(2, 3).dtype == DTYPES[dtype]
    assert rows.new_empty(2, 3, dtype=torch.float16).dtype == torch.float16


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("out_dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("contiguous", [True, False])
def test_dense_rows_in_any_type_and_layout(dtype: type[np.floating], out_dtype: torch.dtype, contiguous: bool) -> None:
    rows, dense = random_rows(dtype)
    out = torch.full((30, 7), 9.0, dtype=out_dtype) if contiguous else torch.full((7, 30), 9.0, dtype=out_dtype).T
    assert rows.dense_into(out) is out
    assert torch.equal(out, dense.to(out_dtype))


@pytest.mark.parametrize("index", [slice(3, 9), slice(None), torch.arange(30) % 4 == 1])
def test_a_slice_or_a_mask(index: slice | torch.Tensor) -> None:
    rows, dense = random_rows(np.float64)
    part, expected = rows[index], dense[index]
    assert torch.equal(part.dense_into(part.new_empty(part.shape)), expected)


def test_rows_gathered_in_any_order() -> None:
    rows, dense = random_rows(np.float32)
    index, out = torch.tensor([5, 0, 29, 5]), torch.empty(4, 7)
    assert torch.equal(rows.gather(index), dense[index])
    assert rows.gather(index, out) is out
    assert torch.equal(out, dense[index])


def test_a_design_matrix_reads_the_same_rows() -> None:
    rows, dense = random_rows(np.float64)
    labels, index = torch.arange(30) % 3, torch.tensor([4, 28, 0])
    ours, theirs = (DesignMatrix(stored, labels).rows_at(index) for stored in (rows, dense))
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
