"""A dataset in a folder of IDX files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.folder import read_folder
from softreg.data.forms.registry import find_form
from softreg.data.forms.source import ReadOptions
from softreg.data.load import load_dataset, stream_images
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, SoftregWarning
from tests.helpers.http_mirror import idx, tiny


def write(folder: Path, *, gz: bool = False, dash: str = "-", other: dict[str, bytes] | None = None) -> Path:
    """A good folder of twelve images each, but for the files named in `other`, e.g. `{"train_labels": b""}`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        images, labels = tiny(len(part))
        for content, array in (("images", images), ("labels", labels)):
            written = (other or {}).get(f"{part}_{content}", idx(array))
            name = f"{part}-{content}{dash}idx{array.ndim}-ubyte{'.gz' if gz else ''}"
            (folder / name).write_bytes(gzip.compress(written) if gz else written)
    return folder


@pytest.mark.parametrize("inside", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("dash", "-.")
def test_reads_a_folder(tmp_path: Path, inside: str, gz: bool, dash: str) -> None:
    write(tmp_path / inside, gz=gz, dash=dash)
    for given in (tmp_path, str(tmp_path)):
        splits = load_dataset(given)
        for ours, part in ((splits.train, "train"), (splits.test, "t10k")):
            images, labels = tiny(len(part))
            assert (ours.images.dtype, ours.labels.dtype) == (torch.uint8, torch.int64)
            assert np.array_equal(ours.images.numpy(), images)
            assert np.array_equal(ours.labels.numpy(), labels)
            assert ours.classes == tuple("0123456789")
            assert ours.name == str(tmp_path)


def test_reads_what_torchvision_reads(tmp_path: Path) -> None:
    from torchvision.datasets import MNIST

    write(tmp_path / "MNIST/raw")
    assert torch.equal(load_dataset(tmp_path).train.images, MNIST(tmp_path).data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        path.rename(tmp_path / "away")
        with pytest.raises(DataError, match=path.name):
            load_dataset(tmp_path)
        (tmp_path / "away").rename(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load_dataset(tmp_path / "empty")


IMAGES, LABELS = tiny(5)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ({"train_labels": idx(LABELS[:-1])}, "train-labels.*12 images but 11 labels"),
        ({"t10k_labels": idx(np.full(12, 10, np.uint8))}, "t10k-labels.*label 10 of example 0 is out of range"),
        ({"train_labels": idx(0 * LABELS)}, "train-labels.*at least two classes"),
        ({"train_images": idx(IMAGES[:, :, :7])}, "train-images.*28 x 7"),
        ({"train_images": idx(IMAGES[:, :, :27])}, "28 x 27.*28 x 28"),
        ({"t10k_images": idx(IMAGES[:0])}, "t10k-images.*no images"),
        ({"t10k_images": idx(LABELS)}, "t10k-images.*swapped"),
        ({"t10k_labels": idx(IMAGES)}, "t10k-labels.*swapped"),
        ({"train_images": struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28)}, "train-images.*bytes are read|at most"),
        ({"train_images": b""}, "train-images.*not an IDX file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, harm: dict[str, bytes], words: str) -> None:
    write(tmp_path, other=harm)
    with pytest.raises(DataError, match=words):
        load_dataset(tmp_path)


def test_large_files_are_mapped(tmp_path: Path) -> None:
    write(tmp_path)
    read, mapped = read_folder(tmp_path, "small"), read_folder(tmp_path, "large", map_from=1)
    assert is_mapped(mapped.train.images)
    assert not is_mapped(read.train.images)
    assert torch.equal(mapped.train.images, read.train.images)
    with (tmp_path / "train-images-idx3-ubyte").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DataError, match="but there are more"):
        read_folder(tmp_path, "large", map_from=1)


def test_a_part_may_be_streamed_and_rows_of_pixels_are_made_square(tmp_path: Path) -> None:
    write(tmp_path, other={"t10k_images": idx(IMAGES.reshape(12, 784))})
    form, inside = find_form(tmp_path)
    with pytest.warns(SoftregWarning, match="rows of 784 numbers are read as images of 28 x 28"):
        (part,) = form.stream(inside, ReadOptions(), "test")
    assert isinstance(part.labels, torch.Tensor)
    assert np.array_equal(part.images.numpy(), IMAGES)
    assert np.array_equal(part.labels.numpy(), tiny(4)[1])


def test_images_to_answer_for_need_no_labels(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(images))
    (part,) = stream_images(tmp_path)
    assert np.array_equal(part.images.numpy(), images)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(images[:, 0, 0]))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        list(stream_images(tmp_path))


def test_mapped_images_are_held_out_by_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.data.folder.MAP_FROM", 0)
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((np.arange(20) // 10).astype(np.uint8)))  # sorted
    with pytest.warns(SoftregWarning, match="4 of the 20 images are held out"):
        splits = load_dataset(tmp_path)
    assert splits.test.labels.tolist() == [0, 0, 1, 1]
