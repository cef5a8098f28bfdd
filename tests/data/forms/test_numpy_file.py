"""NPZ and NPY: what numpy wrote, and files that lie, are damaged or hold objects."""

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.data.forms.numpy_file import NumpyFile
from softreg.data.forms.source import ReadOptions
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
