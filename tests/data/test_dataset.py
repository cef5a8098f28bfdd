"""What a dataset says of itself, and what it refuses to hold."""

import gzip
import hashlib
import struct
from typing import Any

import numpy as np
import pytest
import torch

from softreg.data import bundled
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.errors import DataError
from tests.helpers.http_mirror import tiny


def test_sha256_is_that_of_pixels_and_labels() -> None:
    images, labels = tiny(1)
    dataset = Dataset(torch.from_numpy(images), torch.from_numpy(labels).long(), tuple("0123456789"), "tiny")
    content = images.tobytes() + b"".join(struct.pack("<q", label) for label in labels)
    assert dataset.sha256() == hashlib.sha256(content).hexdigest()
    assert dataset.fingerprint() == dataset[:].fingerprint() != dataset[3:9].fingerprint()
    assert dataset[3:9].sha256() == hashlib.sha256(content[3 * 784 : 9 * 784] + content[12 * 784 + 24 : 12 * 784 + 72]).hexdigest()


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\x9b2J", "\ud800"])
def test_class_names_with_control_characters_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="tiny: ") as caught:
        Dataset(torch.zeros(2, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("a", name), "tiny")
    assert caught.value.key == "dataset.class_controls"
    assert str(caught.value).isprintable()


def test_validation_is_the_last_of_the_training_images() -> None:
    splits = load_dataset("mnist").hold_out(10_000)
    path = bundled.FOLDER / "train-labels-idx1-ubyte.gz"
    labels = list(gzip.decompress(path.read_bytes())[8:])
    assert splits.train.labels.tolist() == labels[:50_000]
    assert splits.test.labels.tolist() == labels[50_000:]


@pytest.mark.parametrize(
    ("images", "labels", "classes", "words"),
    [
        (torch.zeros(4, 28, 28), torch.zeros(4), ("a", "b"), "mine: images must be uint8 .* got float32"),
        (np.zeros((4, 28, 28), np.uint8), torch.zeros(4), ("a", "b"), "mine: images must be a torch tensor .* got ndarray"),
        (torch.zeros(4, 7, 28, dtype=torch.uint8), torch.zeros(4).long(), ("a", "b"), "mine: each side .* got 7 x 28"),
        (torch.zeros(4, 28, 28, 2, dtype=torch.uint8), torch.zeros(4).long(), ("a", "b"), "mine: images must have shape"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), torch.zeros(4), ("a", "b"), "mine: labels must be .* got float32"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), torch.zeros(3).long(), ("a", "b"), "mine: 4 images but 3 labels"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 2, 0]), ("a", "b"), "mine: label 2 of example 2"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 0, -1]), ("a", "b"), "mine: label -1 of example 3"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), torch.zeros(4).long(), ("a", "a"), "mine: class names"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), [0, 0, 0, 0], ("a", "b"), "mine: labels must be .* got list"),
    ],
)
def test_a_dataset_checks_what_it_is_given(images: Any, labels: Any, classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Dataset(images, labels, classes, "mine")
