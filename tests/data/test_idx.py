"""The IDX reader against the published files, torchvision's reader, and whatever Hypothesis does to a file."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softreg.data.bundled import FOLDER
from softreg.data.idx import INT, MAX_BYTES, UBYTE, is_gzip, map_idx, read_idx
from softreg.data.memory_map import is_mapped, release_pages
from softreg.errors import DataError
from tests.helpers import http_mirror as mirror
from tests.helpers.http_mirror import idx

PUBLISHED_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
GOOD = idx(IMAGES)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


def refusal(path: Path, content: bytes, ndim: int = 3, max_bytes: int = MAX_BYTES) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path, ndim, max_bytes=max_bytes)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.key


@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_the_bundled_files_hold_what_was_published(name: str) -> None:
    content = gzip.decompress((FOLDER / f"{name}.gz").read_bytes())
    assert hashlib.md5(content).hexdigest() == PUBLISHED_MD5[name]
    ndim = int(name.partition("idx")[2][0])
    read = read_idx(FOLDER / f"{name}.gz", ndim)
    header = struct.pack(f">I{ndim}I", 0x0800 + ndim, *read.shape)
    assert hashlib.md5(header + read.numpy().tobytes()).hexdigest() == PUBLISHED_MD5[name]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_what_torchvision_reads(file: Path, pack: Callable[[bytes], bytes]) -> None:
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    numbers = np.array([[1, -2], [70000, 4], [5, 6]], np.int32)
    for array, kind, written in ((IMAGES, UBYTE, mirror.UBYTE), (numbers, INT, mirror.INT)):
        file.write_bytes(idx(array, written))
        theirs = read_sn3_pascalvincent_tensor(str(file))
        file.write_bytes(pack(idx(array, written)))
        ours = read_idx(file, array.ndim, kind=kind)
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=3), st.data())
def test_any_array_comes_back(file: Path, shape: list[int], data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=prod(shape), max_size=prod(shape)))
    array = np.frombuffer(payload, np.uint8).reshape(shape)
    file.write_bytes(gzip.compress(idx(array)) if data.draw(st.booleans()) else idx(array))
    assert np.array_equal(read_idx(file, len(shape)).numpy(), array)


@pytest.mark.parametrize("zero", [0, 1, 2])
def test_no_images_of_an_impossible_size_are_refused(file: Path, zero: int) -> None:
    shape = [2**32 - 1] * 3
    shape[zero] = 0
    assert refusal(file, struct.pack(">HBB3I", 0, 8, 3, *shape)) == "data.idx_too_large"
    with pytest.raises(DataError):
        map_idx(file, 3)


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    for ndim in (1, 3):
        try:
            read = read_idx(file, ndim)
        except DataError:
            continue
        assert content == idx(read.numpy())


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_file_is_refused(file: Path, length: int) -> None:
    refusal(file, GOOD[:length])
    with pytest.raises(DataError):
        map_idx(file, 3)


@settings(max_examples=150)
@given(st.data())
def test_a_cut_gzip_is_refused(file: Path, data: st.DataObject) -> None:
    packed = gzip.compress(GOOD)
    refusal(file, packed[: data.draw(st.integers(0, len(packed) - 1))])


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_bit_in_a_gzip_is_found(file: Path, data: st.DataObject) -> None:
    packed = bytearray(gzip.compress(GOOD, mtime=0))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(packed)
    try:
        assert np.array_equal(read_idx(file, 3).numpy(), IMAGES)  # a bit of the gzip's date or name says nothing of the content
    except DataError:
        return


@settings(max_examples=100)
@given(st.data())
def test_a_flipped_bit_in_the_header_is_found(file: Path, data: st.DataObject) -> None:
    changed = bytearray(GOOD)
    changed[data.draw(st.integers(0, 15))] ^= 1 << data.draw(st.integers(0, 7))
    refusal(file, bytes(changed))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "data.idx_magic"),
        (b"P5 28 28 255\n", "data.idx_magic"),
        (idx(IMAGES[0]), "data.idx_dims"),
        (idx(IMAGES, mirror.INT), "data.idx_type"),
        (GOOD + b"\0", "data.idx_long"),
        (gzip.compress(GOOD + b"\0"), "data.idx_long"),
        (gzip.compress(GOOD[:-1]), "data.idx_short"),
        (gzip.compress(GOOD)[:-1], "data.gzip_cut"),
        (gzip.compress(GOOD) + b"\0", "data.gzip_trailing"),
        (gzip.compress(GOOD) + gzip.compress(b""), "data.gzip_trailing"),
        (gzip.compress(GOOD)[:-8] + bytes(8), "data.gzip_damaged"),
        (gzip.compress(GOOD)[:-4] + struct.pack("<I", len(GOOD) + 1), "data.gzip_damaged"),
        (b"\x1f\x8b" + zlib.compress(GOOD), "data.gzip_damaged"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "data.idx_too_large"),
        (struct.pack(">HBB3I", 0, 8, 3, 1_000_000, 28, 28), "data.idx_short"),
        (gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 1_000_000, 28, 28)), "data.idx_short"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_is_wrong_is_named(file: Path, content: bytes, key: str) -> None:
    assert refusal(file, content) == key


HUGE = struct.pack(">HBB3I", 0, 8, 3, 1_000_000, 28, 28)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "(it starts with -)"),
        (b"\0", "(it starts with 00)"),
        (b"P5 28 28 255\n", "(it starts with 50 35 20 32)"),
        (b"\0\0\x08\x03", "(it starts with 00 00 08 03)"),  # and ends there
        (b"\0\0\x08\x02", "must have 3 dimensions, got 2"),
        (GOOD[:15], f"(it starts with {GOOD[:15].hex(' ')})"),
        (idx(IMAGES[0]), "must have 3 dimensions, got 2"),
        (idx(IMAGES, mirror.INT), "the IDX type must be 0x08 (unsigned bytes), got 0x0c"),
        (HUGE, "declares shape (1000000, 28, 28), 784000000 bytes, but there are fewer"),
        (gzip.compress(HUGE), "declares shape (1000000, 28, 28), 784000000 bytes, but there are fewer"),
        (
            struct.pack(">HBB3I", 0, 8, 3, 2**31, 2, 2),
            "declares shape (2147483648, 2, 2), 8589934592 bytes, but at most 4294967296",
        ),
        (gzip.compress(GOOD)[:-8] + bytes(8), "(incorrect data check)"),
        (gzip.compress(GOOD)[:-4] + bytes(4), "(incorrect length check)"),
        (b"\x1f\x8b" + zlib.compress(GOOD), "(unknown compression method)"),
    ],
    ids=range(14),
)
def test_a_refusal_says_what_was_found(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(file, 3)
    assert f"{file}: " in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("read", [read_idx, map_idx])
@pytest.mark.parametrize("content", [b"", b"P5 28 28 255\n", HUGE, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)])
def test_a_refusal_names_the_file(file: Path, content: bytes, read: Callable[[Path, int], torch.Tensor]) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(file, 3)
    assert caught.value.params["path"] == file


@pytest.mark.parametrize("there", range(1, 17))
def test_a_header_may_come_in_two_pieces(file: Path, there: int) -> None:
    """A gzip whose own header, a file name, is so long that the first MiB read ends after `there` bytes of the content."""
    length = (1 << 20) - 10 - 1 - 5 - there
    stored = b"\x01" + struct.pack("<HH", len(GOOD), len(GOOD) ^ 0xFFFF) + GOOD
    packed = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * length + b"\0" + stored + struct.pack("<II", zlib.crc32(GOOD), len(GOOD))
    assert gzip.decompress(packed) == GOOD
    file.write_bytes(packed)
    assert np.array_equal(read_idx(file, 3).numpy(), IMAGES)


def test_no_more_than_the_cap_is_read(file: Path) -> None:
    assert refusal(file, GOOD, max_bytes=59) == "data.idx_too_large"
    file.write_bytes(GOOD)
    assert len(read_idx(file, 3, max_bytes=60)) == 3


def test_a_gzip_bomb_is_not_unpacked(file: Path) -> None:
    """100 MB behind a header that declares 60: no more than the pieces at hand are ever unpacked."""
    import tracemalloc

    file.write_bytes(gzip.compress(GOOD + bytes(100 << 20), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="but there are more"):
            read_idx(file, 3)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="cannot be read"):
            read_idx(path, 3)


def test_a_mapped_file_stays_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "large"
    count = 200_000  # 150 MiB, and not one block on the disk
    with path.open("wb") as sparse:
        sparse.write(struct.pack(">HBB3I", 0, 8, 3, count, 28, 28))
        sparse.seek(16 + count * 784 - 28)
        sparse.write(bytes(range(28)))
    images = map_idx(path, 3)
    assert images.shape == (count, 28, 28)
    assert is_mapped(images)
    assert is_mapped(images[5:9])
    assert not is_mapped(images[5:9].clone())
    assert images[-1, -1].tolist() == list(range(28))
    before = _resident()
    assert images[: count // 2].sum() == 0
    grown = _resident() - before
    release_pages(images[: count // 2])
    assert grown > 70 << 20
    assert _resident() - before < 8 << 20
    assert images[-1, -1].tolist() == list(range(28))


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for read in (is_gzip, lambda path: read_idx(path, 3)):
        for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
            with pytest.raises(DataError, match=f"{path}: cannot be read: {why}"):
                read(path)


def test_letting_go_of_what_is_not_mapped_or_of_nothing_does_nothing(file: Path) -> None:
    plain = torch.arange(3)
    release_pages(plain)
    assert plain.tolist() == [0, 1, 2]
    file.write_bytes(GOOD)
    mapped = map_idx(file, 3)
    release_pages(mapped[:0])
    assert np.array_equal(mapped.numpy(), IMAGES)


def test_content_that_is_not_the_content_expected(file: Path) -> None:
    file.write_bytes(GOOD)
    right = hashlib.sha256(GOOD).hexdigest()
    assert np.array_equal(read_idx(file, 3, sha256=right).numpy(), IMAGES)
    with pytest.raises(DataError) as caught:
        read_idx(file, 3, sha256="0" * 64)
    assert caught.value.key == "data.wrong_hash"
    assert caught.value.params == {"path": file, "algorithm": "SHA-256", "wanted": "0" * 64, "found": right}


@pytest.mark.parametrize(("content", "key"), [(GOOD[:-1], "data.idx_short"), (GOOD + b"\0", "data.idx_long")])
def test_another_length_is_told_alike_read_or_mapped(file: Path, content: bytes, key: str) -> None:
    for read in (read_idx, map_idx):
        file.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read(file, 3)
        assert (caught.value.key, caught.value.params) == (key, {"path": file, "shape": (3, 4, 5), "size": 60})
