"""Answers for a dataset as CSV, read back by Python's csv module and compared with the model's own logits."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.dataset import Splits
from softreg.errors import DataError, SoftregWarning
from softreg.inference.answers import answers
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load


@pytest.fixture(scope="module")
def model() -> SoftmaxRegression:
    return load(pretrained_path("tutorial"))


@pytest.fixture
def unlabelled(mnist: Splits, tmp_path: Path) -> Path:
    """2,500 rows of pixels without labels, as a competition's test.csv has them."""
    pixels = mnist.test.images[:2500].flatten(1).numpy()
    header = ",".join(f"pixel{i}" for i in range(784))
    np.savetxt(tmp_path / "test.csv", pixels, fmt="%d", delimiter=",", header=header, comments="")
    return tmp_path / "test.csv"


def test_a_line_for_each_image_in_order(model: SoftmaxRegression, unlabelled: Path, mnist: Splits) -> None:
    done: list[int] = []
    shares: list[float] = []

    def on_rows(rows: int, share: float) -> None:
        done.append(rows)
        shares.append(share)

    header, *rows = csv.reader(answers(model, unlabelled, on_rows=on_rows))
    assert header == ["ImageId", "Label"]
    assert [int(row[0]) for row in rows] == list(range(1, 2501))
    assert [int(row[1]) for row in rows] == model.logits(mnist.test.images[:2500]).argmax(1).tolist()
    assert done == sorted(done)
    assert done[-1] == 2500
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_probabilities_are_a_column_for_each_class(model: SoftmaxRegression, small_idx: Path, mnist: Splits) -> None:
    header, *rows = csv.reader(answers(model, small_idx, probabilities=True))
    assert header == ["ImageId", "Label", *"0123456789"]
    expected = torch.softmax(model.logits(mnist.test.images[:500]), 1).numpy()
    np.testing.assert_allclose(np.array([row[2:] for row in rows], float), expected, rtol=0, atol=1e-6)


def test_a_class_name_with_a_comma_is_quoted(mnist: Splits, small_idx: Path) -> None:
    plain = load(pretrained_path("tutorial"))
    named = SoftmaxRegression(plain.features, tuple(f"{c}, or so" for c in range(10))).eval()
    named.load_state_dict(plain.state_dict(), strict=False)
    _, *rows = csv.reader(answers(named, small_idx))
    assert {len(row) for row in rows} == {2}
    assert rows[0][1] == "7, or so"


def test_images_of_another_size_are_refused(model: SoftmaxRegression, tmp_path: Path) -> None:
    np.savez(tmp_path / "small.npz", X=np.zeros((20, 16, 16), np.uint8), y=np.arange(20) % 10)
    with pytest.raises(DataError, match="16 x 16"):
        list(answers(model, tmp_path / "small.npz"))


def test_images_of_the_other_polarity_are_counted_once(model: SoftmaxRegression, mnist: Splits, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "test.csv", 255 - mnist.test.images[:2500].flatten(1).numpy(), fmt="%d", delimiter=",")
    with pytest.warns(SoftregWarning, match="the 2500 images are dark on white") as caught:
        list(answers(model, tmp_path / "test.csv"))
    assert len(caught) == 1
