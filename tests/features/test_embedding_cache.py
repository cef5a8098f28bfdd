"""Rows on disk: computed once, checked whenever they are read, and no more of them than there is room for."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from softreg.data.memory_map import is_mapped
from softreg.errors import WriteError
from softreg.features import embedding_cache
from softreg.features.embedding_cache import cached_rows

ROWS = torch.arange(60.0).view(12, 5)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path))
    return tmp_path / "embeddings"


def get(key: str, computed: list[str] | None = None) -> Tensor:
    def compute() -> Iterator[Tensor]:
        if computed is not None:
            computed.append(key)
        yield from ROWS.split(5)

    return cached_rows(key, (12, 5), compute)


@pytest.mark.parametrize("map_from", [0, 2**27])
def test_rows_are_computed_once_and_any_program_reads_them(cache: Path, monkeypatch: pytest.MonkeyPatch, map_from: int) -> None:
    monkeypatch.setattr(embedding_cache, "MAP_FROM", map_from)
    computed: list[str] = []
    for _ in range(2):
        rows = get("a", computed)
        assert torch.equal(rows, ROWS)
        assert is_mapped(rows) == (map_from == 0)
    assert computed == ["a"]
    np.testing.assert_array_equal(np.load(cache / "a" / "rows.npy"), ROWS)


@pytest.mark.parametrize("harm", ["rows", "sum", "no sum", "no array", "other shape"])
def test_damaged_rows_are_computed_again(cache: Path, harm: str) -> None:
    get("a")
    rows, digest = cache / "a" / "rows.npy", cache / "a" / "rows.npy.sha256"
    if harm == "rows":
        rows.write_bytes(rows.read_bytes()[:-1] + b"\1")
    elif harm == "sum":
        digest.write_bytes(b"\xff")
    elif harm == "no sum":
        digest.unlink()
    else:
        np.save(rows, ROWS[:3].numpy())
        rows.write_bytes(b"nothing" if harm == "no array" else rows.read_bytes())
        digest.write_text(hashlib.sha256(rows.read_bytes()).hexdigest())
    computed: list[str] = []
    assert torch.equal(get("a", computed), ROWS)
    assert computed == ["a"]


def test_those_read_least_recently_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get("size")
    (size,) = (sum(file.stat().st_size for file in folder.iterdir()) for folder in cache.iterdir())
    monkeypatch.setattr(embedding_cache, "MAX_BYTES", 3 * size)
    for key in ("a", "b"):
        get(key)
    for age, key in enumerate(("b", "size", "a"), start=1):
        os.utime(cache / key, (1e9 - age, 1e9 - age))
    get("a")  # now it is the one read last
    get("c")
    assert {folder.name for folder in cache.iterdir()} == {"a", "b", "c"}
    monkeypatch.setattr(embedding_cache, "MAX_BYTES", size // 2)
    assert torch.equal(get("d"), ROWS)  # alone it may be larger
    assert {folder.name for folder in cache.iterdir()} == {"d"}


def test_what_fails_leaves_nothing(cache: Path) -> None:
    def compute() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_rows("a", (12, 5), compute)
    assert list(cache.iterdir()) == []
    cache.rmdir()
    cache.touch()
    with pytest.raises(WriteError, match="embeddings: cannot be written"):
        get("a")
