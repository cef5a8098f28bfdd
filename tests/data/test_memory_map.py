"""Mapped tensors hold the bytes of the file, and rows of them are copied and gathered as those of a tensor in memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softreg.data import memory_map
from softreg.data.dataset import Dataset
from softreg.data.memory_map import copy_rows, gather_rows, is_mapped, map_array, map_file, release_pages
from softreg.errors import DataError

Pixels = NDArray[np.uint8]
ROWS, COLUMNS = 300, 64


@pytest.fixture(scope="module")
def content() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS), np.uint8)


@pytest.fixture(scope="module")
def mapped(content: Pixels, tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    path = tmp_path_factory.mktemp("mapped") / "file"
    path.write_bytes(b"header" + content.tobytes())
    return map_file(path, 6, (ROWS, COLUMNS))


@pytest.fixture(autouse=True)
def released_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_map, "RELEASE_BYTES", 20 * COLUMNS)


def test_a_map_is_the_file_from_an_offset_on(content: Pixels, mapped: torch.Tensor) -> None:
    assert np.array_equal(mapped.numpy(), content)
    assert is_mapped(mapped)
    assert is_mapped(mapped[5:9].flatten())
    assert not is_mapped(mapped.clone())


@pytest.mark.parametrize("rows", [slice(None), slice(7, 8), slice(0, 0), slice(3, 200, 7)])
def test_pages_that_were_released_are_read_again(rows: slice, content: Pixels, mapped: torch.Tensor) -> None:
    release_pages(mapped[rows])
    assert np.array_equal(mapped.numpy(), content)
    release_pages(torch.zeros(3))  # not mapped: nothing happens


@given(st.lists(st.integers(0, ROWS - 1), max_size=400), st.booleans())
def test_gathered_rows_are_those_of_indexing(content: Pixels, mapped: torch.Tensor, index: list[int], given_out: bool) -> None:
    out = torch.empty(len(index), COLUMNS, dtype=torch.uint8) if given_out else None
    for rows in (mapped, mapped.clone()):
        gathered = gather_rows(rows, torch.tensor(index, dtype=torch.int64), out)
        assert np.array_equal(gathered.numpy(), content[np.array(index, np.int64)])
        assert out is None or gathered is out


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_rows_are_copied_in_any_type(step: int, dtype: torch.dtype, content: Pixels, mapped: torch.Tensor) -> None:
    place = torch.empty(len(range(0, ROWS, step)), COLUMNS, dtype=dtype)
    assert copy_rows(mapped[::step], place) is place
    assert np.array_equal(place.numpy(), content[::step].astype(place.numpy().dtype))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_numpy_memmap_and_its_slices_are_mapped_again(tmp_path: Path, dtype: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 17)).astype(dtype)
    np.save(tmp_path / "rows.npy", rows)
    array = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for start, end in ((0, 3000), (1000, 1234)):
        tensor = map_array(array[start:end])
        assert is_mapped(tensor)
        place = torch.empty(end - start, 17, dtype=tensor.dtype)
        np.testing.assert_array_equal(copy_rows(tensor, place).numpy(), rows[start:end])
        index = torch.tensor([5, 0, end - start - 1])
        np.testing.assert_array_equal(gather_rows(tensor, index).numpy(), rows[start:end][index.numpy()])


def test_a_mapped_set_has_the_hash_of_its_copy_in_memory_and_another_when_it_changes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    (tmp_path / "rows").write_bytes(images.tobytes())

    def sha256(tensor: torch.Tensor) -> str:
        return Dataset(tensor, torch.arange(50) % 3, ("a", "b", "c"), "set").sha256()

    before = sha256(map_file(tmp_path / "rows", 0, images.shape))
    assert before == sha256(torch.from_numpy(images))
    images[31, 5, 7] ^= 1
    (tmp_path / "rows").write_bytes(images.tobytes())
    assert sha256(map_file(tmp_path / "rows", 0, images.shape)) == sha256(torch.from_numpy(images)) != before


@pytest.mark.parametrize(
    "read", [lambda rows: copy_rows(rows, torch.empty(40, 8192)), lambda rows: gather_rows(rows, torch.tensor([39]))]
)
def test_a_file_cut_short_is_told_before_it_is_read(read: Callable[[torch.Tensor], object], tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(bytes(40 * 8192))
    rows = map_file(tmp_path / "rows", 0, (40, 8192))
    read(rows)
    os.truncate(tmp_path / "rows", 8192)
    with pytest.raises(DataError, match="cut short"):
        read(rows)


@pytest.mark.skipif(not hasattr(signal, "SIGBUS"), reason="the system lets no mapped file be cut short")
def test_a_file_cut_short_between_check_and_read_ends_the_process_with_a_line(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(bytes(40 * 8192))
    code = (
        "import os, sys; from pathlib import Path; from softreg.data.memory_map import map_file;"
        "rows = map_file(Path(sys.argv[1]), 0, (40, 8192)); os.truncate(sys.argv[1], 8192); print(rows.sum())"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "rows")], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("softreg: a data file was cut short")
    assert ended.stderr.count("\n") == 1
