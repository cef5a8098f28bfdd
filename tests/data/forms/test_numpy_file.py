"""NPZ and NPY: what numpy wrote, and files that lie, are damaged or hold objects."""

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softreg.data.forms import numpy_file
from softreg.data.forms.numpy_file import NumpyFile
from softreg.data.forms.source import ReadOptions
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError

X, Y = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8), np.array([0, 1, 2])


def test_parts(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    np.save(tmp_path / "alone.npy", X)
    source = NumpyFile().read(tmp_path / "a.npz", ReadOptions())
    assert source.test is None
    assert source.train is not None
    assert np.array_equal(source.train.images.numpy(), X)
    alone = NumpyFile().read(tmp_path / "alone.npy", ReadOptions()).train
    assert alone is not None
    assert alone.labels is None
    assert np.array_equal(alone.images.numpy(), X)


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_folders_of_either_kind_are_read(tmp_path: Path) -> None:
    for folder, files in {"packed": {"any.npz": b""}, "loose": {"images.npy": npy(X), "labels.npy": npy(Y)}, "none": {}}.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
    np.savez(tmp_path / "packed" / "any.npz", X=X, y=Y)
    assert [NumpyFile().matches(tmp_path / folder) for folder in ("packed", "loose", "none", "gone")] == [True, True, False, False]
    for folder in ("packed", "loose"):
        train = NumpyFile().read(tmp_path / folder, ReadOptions()).train
        assert train is not None
        assert np.array_equal(train.images.numpy(), X)
        assert train.labels is not None
    (tmp_path / "loose" / "more.npy").mkdir()  # cannot be read
    with pytest.raises(DataError, match=r"more\.npy"):
        NumpyFile().read(tmp_path / "loose", ReadOptions())


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [b"", b"1", b"22", b"333"])
def test_large_rows_are_mapped_or_unpacked_wherever_they_begin(
    before: bytes, compression: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    monkeypatch.setattr(numpy_file, "MAP_FROM", rows.nbytes)
    monkeypatch.setattr(numpy_file, "PIECE", 7 * 64)  # seven rows
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a", before)
        archive.writestr("X.npy", npy(rows))
        archive.writestr("y.npy", npy(np.arange(50) % 3))
    train = NumpyFile().read(path, ReadOptions(embeddings=True)).train
    assert train is not None
    assert np.array_equal(train.images.numpy(), rows)
    np.save(tmp_path / "rows.npy", rows)
    alone = NumpyFile().read(tmp_path / "rows.npy", ReadOptions(embeddings=True)).train
    assert alone is not None
    assert np.array_equal(alone.images.numpy(), rows)
    assert is_mapped(alone.images)


def test_more_than_memory_should_hold_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "vast.npy"
    path.write_bytes(header("(10000000, 28, 28)"))
    os.truncate(path, 128 + 10_000_000 * 784)  # a file with a hole
    assert NumpyFile().matches(path)
    with pytest.raises(DataError, match=r"vast\.npy.* 7840000000 bytes.*uncompressed IDX"):
        NumpyFile().read(path, ReadOptions())


def header(shape: str, dtype: str = "|u1") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"\x93NUMPY", "damaged"),
        (header("(1000000000, 28, 28)"), "damaged"),
        (header("(3, 8, 8)") + bytes(10), "damaged"),
        (header("(3, 8, 8)") + bytes(200), "damaged"),
        (header("(-3, -8, 8)") + bytes(192), "damaged"),
        (header("(3,)", "|O") + bytes(24), "Python objects"),
        (header("(3, 8, 8)", "|?1"), "damaged"),
        (header("(3, 8, 8)").replace(b"Y\x01", b"Y\x09"), "damaged"),
    ],
)
def test_files_that_lie_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X.npy", content)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(DataError, match=f"{name}.*{words}"):
            NumpyFile().read(tmp_path / name, ReadOptions())


@given(st.data())
def test_damaged_archives_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, X=X, y=Y)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with suppress(DataError):
        NumpyFile().read(path, ReadOptions())
