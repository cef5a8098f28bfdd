"""What is odd about a dataset is said once, and what is not odd is not."""

import warnings
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.notices import odd_label, tell_oddities

DIGITS = tuple("0123456789")


def told(train: Dataset, test: Dataset) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell_oddities(Splits(train, test))
    return [str(warning.message) for warning in caught]


def splits(mnist: Splits, change: str = "", classes: Sequence[str] = DIGITS) -> list[str]:
    """What is told of MNIST with its training or test images changed."""

    def changed(images: Tensor, part: str) -> Tensor:
        if change in (f"{part} inverted", "both inverted"):
            return 255 - images
        return images.transpose(1, 2).contiguous() if change == "transposed" else images

    train, test = (
        Dataset(changed(data.images[:1000], part), data.labels[:1000], tuple(classes), "d")
        for data, part in ((mnist.train, "train"), (mnist.test, "test"))
    )
    return told(train, test)


@pytest.mark.parametrize("change", ["", "both inverted"])
def test_mnist_is_not_odd(mnist: Splits, change: str) -> None:
    assert splits(mnist, change) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("test inverted", "d: 1000 of the 1000 test images are dark on white, but most training images are white on dark"),
        ("train inverted", "d: 1000 of the 1000 test images are white on dark, but most training images are dark on white"),
        ("transposed", "d: the letters lie on their side"),
    ],
)
def test_images_unlike_the_others(mnist: Splits, change: str, words: str) -> None:
    (line,) = splits(mnist, change)
    assert line.startswith(words)


@pytest.mark.parametrize("brightest", [1, 15])
def test_images_that_were_not_scaled(mnist: Splits, brightest: int) -> None:
    dim = [Dataset(part.images[:1000] // (255 // brightest), part.labels[:1000], DIGITS, "d") for part in (mnist.train, mnist.test)]
    lines = told(dim[0], dim[1])
    assert any(line.startswith(f"d: no pixel of the training images is above {brightest};") for line in lines)


def test_some_training_images_inverted(mnist: Splits) -> None:
    images = mnist.train.images[:1000].clone()
    images[5:12] = 255 - images[5:12]
    (line,) = told(Dataset(images, mnist.train.labels[:1000], DIGITS, "d"), mnist.test[:10])
    assert line.startswith("d: 7 of the 1000 training images are dark on white")


def test_things_may_be_wider_than_tall(mnist: Splits) -> None:
    assert splits(mnist, "transposed", [f"thing {name}" for name in DIGITS]) == []


@pytest.mark.parametrize(
    ("classes", "odd"),
    [
        ("0 1 2 3 255", "255"),
        ("-1 0 1 2", "-1"),
        ("0 1 2 3", None),
        ("1 2 3 9", "9"),
        ("0 1 3 4 5", None),
        ("0 255", None),
        ("0 2 4 6", None),
        ("a b 255", None),
        ("5 7", None),
    ],
)
def test_a_label_apart_from_the_others(classes: str, odd: str | None) -> None:
    assert odd_label(tuple(classes.split())) == odd


def labelled(labels: Sequence[int], classes: str) -> list[str]:
    images = torch.randint(100, 150, (len(labels), 8, 8), dtype=torch.uint8)  # neither dark nor light
    data = Dataset(images, torch.tensor(labels), tuple(classes.split()), "d")
    return told(data, Dataset(images[:1] + 1, data.labels[:1], data.classes, "d"))


def test_labels() -> None:
    many = [number % 3 for number in range(60)]
    assert labelled(many, "0 1 2") == []
    assert labelled(many, "1 2 3") == ["d: the labels are 1 to 3, and the classes keep these names"]
    assert labelled([*many, 3], "0 1 2 255") == ["d: only one training image has the label 255; is that a mistake?"]
    assert labelled([*many, 3, 3], "0 1 2 255") == [
        "d: 2 training images have the label 255, far from the others; is that a mistake?"
    ]
    (line,) = labelled(many, "a b c d e")
    assert line.startswith("d: no training images of class d, e; ")


def test_neither_embeddings_nor_very_many_images_are_looked_at(mnist: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Dataset(torch.rand(60, 64), torch.arange(60) % 3, ("0", "1", "2"), "d")
    assert told(rows, Dataset(rows.images[:2] + 1, rows.labels[:2], rows.classes, "d")) == []
    monkeypatch.setattr("softreg.data.notices.MAX_COMPARED", 10**6)
    assert splits(mnist, "test inverted") == []
