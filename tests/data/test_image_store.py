"""Many images in a temporary file are those that few images in memory would be, and take no memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softreg.data import image_store
from softreg.data.image_store import ImageStore, take
from softreg.data.load import load_splits
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, SoftregWarning

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (90, 8, 9, 3), np.uint8))


@pytest.fixture(params=[True, False], ids=["mapped", "in memory"])
def mapped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    monkeypatch.setattr(image_store, "MAP_FROM", 10 * 8 * 9 * 3 if request.param else 2**27)
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path / "cache"))
    return bool(request.param)


def stored(images: torch.Tensor, count: int) -> torch.Tensor:
    store = ImageStore()
    for part in images.split(count):
        store.append(part)
    return store.finish()


@pytest.mark.parametrize("count", [1, 7, 90])
def test_images_are_those_appended(mapped: bool, count: int, tmp_path: Path) -> None:
    images = stored(IMAGES, count)
    assert torch.equal(images, IMAGES)
    assert is_mapped(images) == mapped
    assert not list(tmp_path.glob("cache/*"))  # the file has no name


@given(st.lists(st.integers(0, 89), max_size=60))
def test_rows_taken_are_those_of_indexing(rows: list[int]) -> None:
    index = torch.tensor(rows, dtype=torch.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_store, "MAP_FROM", 5000)
        images = stored(IMAGES, 20)
        assert is_mapped(images)
        assert torch.equal(take(images, index), IMAGES[index])
    assert torch.equal(take(IMAGES, index), IMAGES[index])


def test_a_table_is_divided_alike_in_memory_and_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    rows = np.column_stack([np.sort(np.arange(300) % 3), random.integers(0, 256, (300, 64))])
    np.savetxt(tmp_path / "table.csv", rows, fmt="%d", delimiter=",", header="label," + ",".join(map(str, range(64))), comments="")
    found = []
    for limit in (2**27, 2000):
        monkeypatch.setattr(image_store, "MAP_FROM", limit)
        with pytest.warns(SoftregWarning, match="60 of the 300 images are held out"):
            found.append(load_splits(tmp_path / "table.csv", 30, stratify=True))
    in_memory, mapped = found
    assert is_mapped(mapped.train.images)
    assert not is_mapped(in_memory.train.images)
    assert [part.sha256() for part in (mapped.train, mapped.test)] == [part.sha256() for part in (in_memory.train, in_memory.test)]
    assert mapped.test.labels.bincount().tolist() == [10, 10, 10]


def test_no_room_is_one_line(mapped: bool, tmp_path: Path) -> None:
    if not mapped:
        return
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(DataError, match="SOFTREG_CACHE_DIR"):
        stored(IMAGES, 20)


def test_many_images_take_little_memory(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="the peak is not told here")
    code = (
        "import resource, torch; from softreg.data import image_store, memory_map\n"
        "image_store.MAP_FROM, memory_map.RELEASE_BYTES = 2**20, 2**22\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before, store = peak(), image_store.ImageStore()\n"
        "for _ in range(40): store.append(torch.ones(5000, 28, 28, dtype=torch.uint8))\n"  # 157 MB
        "images = store.finish(); image_store.take(images, torch.arange(len(images)).flip(0)); print(peak() - before)"
    )
    environment = os.environ | {"SOFTREG_CACHE_DIR": str(tmp_path)}
    grown = int(subprocess.check_output([sys.executable, "-c", code], env=environment))
    assert grown < (60 << 10 if sys.platform == "linux" else 60 << 20)
