"""Safetensors: what the library wrote, in memory and mapped; and files that lie."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import Tensor

from softreg.data.forms import safetensors_file
from softreg.data.forms.registry import find_form
from softreg.data.forms.safetensors_file import SafetensorsFile
from softreg.data.forms.source import ReadOptions
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, SoftregError

ROWS = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(9) % 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("map_from", [0, 2**27])
def test_parts_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, map_from: int) -> None:
    monkeypatch.setattr(safetensors_file, "MAP_FROM", map_from)
    rows, test = ROWS.to(dtype), ROWS[:4].to(dtype)
    tensors = {"train_embeddings": rows, "train_labels": LABELS, "test_embeddings": test.clone(), "test_labels": LABELS[:4].clone()}
    save_file(tensors, tmp_path / "a.safetensors", {"classes": json.dumps(["a", "b", "c"])})
    form, path = find_form(tmp_path / "a.safetensors")
    source = form.read(path, ReadOptions())
    assert source.classes == ("a", "b", "c")
    assert source.train is not None
    assert source.test is not None
    kept = dtype if dtype != torch.float64 else torch.float32
    assert torch.equal(source.train.images, ROWS.to(dtype).to(kept))
    assert is_mapped(source.train.images) == (map_from == 0 and dtype == kept)
    assert isinstance(source.test.labels, Tensor)
    assert torch.equal(source.test.labels, LABELS[:4])


def test_a_folder_with_one_is_read(tmp_path: Path) -> None:
    save_file({"X": ROWS, "y": LABELS}, tmp_path / "a.safetensors")
    assert SafetensorsFile().matches(tmp_path)
    with pytest.warns(match="rows of 5 numbers"):
        source = SafetensorsFile().read(tmp_path, ReadOptions())
    assert source.train is not None
    assert torch.equal(source.train.images, ROWS)


def test_images_in_tensors_are_images(tmp_path: Path) -> None:
    images = torch.randint(256, (3, 8, 8), dtype=torch.uint8)
    save_file({"images": images}, tmp_path / "a.safetensors")
    source = SafetensorsFile().read(tmp_path / "a.safetensors", ReadOptions())
    assert source.train is not None
    assert torch.equal(source.train.images, images)


@pytest.mark.parametrize("names", ["[1]", "{}", "[", '"a"'])
def test_names_that_are_none_are_refused(tmp_path: Path, names: str) -> None:
    save_file({"embeddings": ROWS}, tmp_path / "a.safetensors", {"classes": names})
    with pytest.raises(DataError, match=r"a\.safetensors"):
        SafetensorsFile().read(tmp_path / "a.safetensors", ReadOptions())


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(DataError, match=r"a\.safetensors.*directory"):
        SafetensorsFile().read(tmp_path, ReadOptions())


@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(save({"embeddings": ROWS, "labels": LABELS}))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with suppress(SoftregError):
        SafetensorsFile().read(path, ReadOptions())
