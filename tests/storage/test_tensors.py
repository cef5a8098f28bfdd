"""Files of tensors: any tensors come back, safetensors itself reads them, and what is changed or too large is refused."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Generator, Tensor

from softreg.storage.tensors import dumps, loads, read_bytes

DTYPES = [torch.float32, torch.float64, torch.int8, torch.uint8, torch.int64, torch.bool]
TENSORS = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.tensor([1, 2])}


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Tensor]:
    shapes = st.lists(st.integers(0, 4), max_size=3)
    specs = draw(st.dictionaries(st.text("abc.", min_size=1, max_size=5), st.tuples(shapes, st.sampled_from(DTYPES)), max_size=4))
    generator = Generator().manual_seed(draw(st.integers(0, 2**32)))
    return {name: (100 * torch.rand(shape, generator=generator)).to(dtype) for name, (shape, dtype) in specs.items()}


@given(tensors(), st.dictionaries(st.text("xyz", min_size=1, max_size=3), st.text(max_size=8), max_size=3))
def test_any_tensors_and_metadata_come_back_and_equal_contents_are_equal_bytes(
    content: dict[str, Tensor], metadata: dict[str, str]
) -> None:
    raw, sha256 = dumps(content, metadata)
    again, read_metadata = loads(raw, set(metadata))
    assert read_metadata == metadata
    assert again.keys() == content.keys()
    for name, tensor in content.items():
        assert again[name].dtype is tensor.dtype
        assert torch.equal(again[name], tensor)
    assert dumps(dict(reversed(content.items())), metadata) == (raw, sha256)


def test_safetensors_reads_it() -> None:
    raw, _ = dumps(TENSORS, {"format": "1"})
    read = load_safetensors(raw)
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())


def test_views_and_shared_memory_are_written_as_they_look() -> None:
    whole = torch.arange(12.0).view(3, 4)
    again, _ = loads(dumps({"whole": whole, "columns": whole[:, 1:3], "turned": whole.T}, {})[0], set())
    assert torch.equal(again["columns"], whole[:, 1:3])
    assert torch.equal(again["turned"], whole.T)


@given(st.data())
def test_a_changed_or_cut_file_is_refused(data: st.DataObject) -> None:
    raw, _ = dumps(TENSORS, {"format": "1"})
    at = data.draw(st.integers(0, len(raw) - 1))
    damaged = bytearray(raw)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    for content in (bytes(damaged), raw[:at]):
        with pytest.raises(ValueError, match=r".*"):
            loads(content, {"format"})


@pytest.mark.parametrize("keys", [set(), {"format", "more"}, {"other"}])
def test_other_metadata_than_asked_for_is_refused(keys: set[str]) -> None:
    with pytest.raises(ValueError, match="header"):
        loads(dumps(TENSORS, {"format": "1"})[0], keys)


def test_a_file_of_safetensors_without_our_sum_is_refused() -> None:
    with pytest.raises(ValueError, match=r".*"):
        loads(save_safetensors(TENSORS, {"format": "1"}), {"format"})


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(ValueError, match="5 bytes"):
        read_bytes(path, 4)


def test_a_pipe_or_a_folder_is_no_file_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"not a file|directory"):
            read_bytes(path, 10)
