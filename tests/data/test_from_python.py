"""Data as it lies in a notebook: the same images in every kind give the same weights; what is no data is refused by name."""

from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import softreg
from softreg.data.dataset import Dataset, Splits
from softreg.data.forms.source import ReadOptions
from softreg.data.from_python import labelled_from_python, splits_from_python
from softreg.errors import DataError, SoftregWarning
from softreg.model.serialization import model_to_bytes
from softreg.recipe import IN_MEMORY, Recipe
from softreg.training.reproduce import reproduce
from tests.data.conftest import WRITERS, Arrays

train = partial(softreg.train, figures=False)


def recipe(dataset: Path | str, **changes: Any) -> Recipe:
    return Recipe(dataset=str(dataset), epochs=2, batch_size=50, **changes)


def weights(run: softreg.Run) -> bytes:
    return model_to_bytes(run.model())[0]


class Hub:
    """What `datasets.load_dataset` gives: a dict for each row, a picture in it."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels
        self.features = {"image": None, "label": SimpleNamespace(names=list("0123456789"))}

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        from PIL import Image

        return {"image": Image.fromarray(self.images[index]), "label": int(self.labels[index])}


def png(image: Any) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def python_data(arrays: Arrays) -> dict[str, Any]:
    """What lies in a notebook, by the libraries that make it."""
    import pandas as pd
    from PIL import Image
    from sklearn.utils import Bunch
    from torch.utils.data import DataLoader, TensorDataset

    x, y, tx, ty = arrays
    classes = tuple("0123456789")
    tensors, labels = [torch.from_numpy(images) for images in (x, tx)], [torch.from_numpy(array).long() for array in (y, ty)]
    return {
        "four arrays": arrays,
        "Keras' pairs": ((x, y), (tx, ty)),
        "uint8 labels, signed": (x.astype(np.int64), y.astype(np.int8), tx, ty),
        "rows of floats": (x.reshape(300, 784) / 255, y.astype(float), tx.reshape(60, 784) / 255, ty),
        "ToTensor": (tensors[0][:, None].float() / 255, labels[0], tensors[1][:, None].float() / 255, labels[1]),
        "channels last": (x[..., None], y[:, None], tx[..., None], ty),
        "one-hot": (x, np.eye(10)[y], tx, np.eye(10, dtype=np.uint8)[ty]),
        "names": (x, [str(label) for label in y], tx, np.array([str(label) for label in ty])),
        "pictures": ([Image.fromarray(image) for image in x], y.tolist(), [Image.fromarray(image) for image in tx], ty.tolist()),
        "mapping": {"train_images": x, "train_labels": y, "test_images": tx, "test_labels": ty, "note": "?"},
        "bunches": (Bunch(images=x, target=y, target_names=list(classes)), Bunch(data=tx.reshape(60, 784), target=ty)),
        "torch Datasets": (TensorDataset(tensors[0], labels[0]), TensorDataset(tensors[1][:, None].float() / 255, labels[1])),
        "frames": tuple(pd.DataFrame(part.reshape(len(part), 784)).assign(label=label) for part, label in ((x, y), (tx, ty))),
        "train_test_split's order": (x, tx, y, ty),
        "lists": [[x, y], [tx, ty]],
        "a dict of parts": {"train": (x, y), "test": {"image": tx, "label": ty}},
        "DataLoaders": tuple(DataLoader(TensorDataset(*pair), 7) for pair in zip(tensors, labels, strict=True)),
        "the hub's DatasetDict": {"train": Hub(x, y), "test": Hub(tx, ty)},
        "frames of arrays": tuple(pd.DataFrame({"image": list(part), "label": label}) for part, label in ((x, y), (tx, ty))),
        "a frame and a Series": (pd.DataFrame(x.reshape(300, 784)), pd.Series(y, dtype="Int64"), tx, pd.Categorical(ty)),
        "frames of the hub's files": tuple(
            pd.DataFrame({"image": [{"bytes": png(image), "path": None} for image in part], "label": label})
            for part, label in ((x, y), (tx, ty))
        ),
        "lists of pairs": {
            "train": [(Image.fromarray(image), int(label)) for image, label in zip(x, y, strict=True)],
            "test": list(zip(tx, ty, strict=True)),
        },
        "lists of dicts": tuple(
            [{"image": image, "label": label} for image, label in zip(*pair, strict=True)] for pair in ((x, y), (tx, ty))
        ),
        "images last": (np.moveaxis(x, 0, -1), y, np.moveaxis(tx, 0, -1), ty),
        "bytes": (x, y.astype("S1"), tx, ty),
        "Splits": Splits(*(Dataset(*pair, classes, "mine") for pair in zip(tensors, labels, strict=True))),
    }


@pytest.mark.parametrize(
    "kind",
    python_data(
        (*(np.zeros((300, 28, 28), np.uint8), np.zeros(300, np.uint8)), *(np.zeros((60, 28, 28), np.uint8), np.zeros(60, np.uint8)))
    ),
)
def test_data_in_memory_gives_the_weights_of_the_same_images_as_idx(
    kind: str, arrays: Arrays, idx_folder: Path, tmp_path: Path
) -> None:
    data = python_data(arrays)[kind]
    expected = train(recipe(idx_folder), tmp_path / "expected")
    run = train(recipe("mnist"), tmp_path / "run", data=data)
    assert weights(run) == weights(expected)
    assert run.recipe.dataset == IN_MEMORY
    assert reproduce(run, data=data).same
    assert softreg.evaluate(run, data).accuracy == run.result["evaluation"]["accuracy"]
    with pytest.raises(DataError, match="from Python"):
        reproduce(run)


def test_a_path_as_data_is_recorded(arrays: Arrays, tmp_path: Path) -> None:
    path = WRITERS["npz"](tmp_path, arrays)
    run = train(recipe("mnist"), tmp_path / "run", data=path)
    assert run.recipe.dataset == str(path)


def test_data_without_a_recipe(mnist: Splits, tmp_path: Path) -> None:
    x, y = mnist.train.images[:1500].numpy(), mnist.train.labels[:1500].numpy()
    with pytest.warns(SoftregWarning, match="300 of the 1500 images are held out"):
        run = train(out=tmp_path / "run", data=(x, y))
    assert run.result["evaluation"]["accuracy"] > 0.8
    assert run.result["evaluation"]["n"] == 300


X, Y = np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 0, 1])


class Items(torch.utils.data.Dataset[Any]):
    """A torch Dataset of these."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((X.astype(np.int16) - 1, Y), "X: pixels must be .* got int16 from -1 to -1"),
        ((X + 0.5 + X[:, :, :] + np.arange(28), Y), "X: pixels must be .* got float64 from 0.5 to 27.5"),
        ((X[0], Y), "X: rows of pixels of shape"),
        ((X[..., None, None], Y), "X: images must have shape"),
        ((X[:, :5], Y), "5 x 28"),
        ((X, Y[:3]), "3 labels"),
        ((X, Y + 0.5), r"label 0.5 of example 0 must be an integer"),
        ((X, np.zeros((4, 2, 2))), "y: labels must be .* got float64 of shape"),
        ((X, np.zeros(4, int)), "every training label is 0"),
        (([X[0], X[0][:20]], [0, 1]), "image 1 has"),
        ({"a": X, "b": Y[:3]}, "no images among the arrays a, b"),
        ((X, ["0", "", "1", "0"]), "y: example 1 has no label"),
        ((X[:0], Y[:0]), "no images"),
        ((X, None), "no labels"),
        ({"x_test": X, "y_test": Y}, "only test images"),
        (X, "no labels"),
        (Items([(X[0], 0), (X[1], 1), X[2]]), "item 2 must be an image and its label, got ndarray"),
        (7, "must be a path, .* got int"),
    ],
)
def test_wrong_data_is_refused_by_name(data: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        softreg.train(Recipe(), data=data)


def test_a_model_is_evaluated_on_the_test_part_or_on_all_there_is() -> None:
    names = ("zero", "one")
    assert len(labelled_from_python((X, Y, X[:2], Y[:2]), names)) == 2
    whole = labelled_from_python((X, np.array(["one", "zero", "one", "zero"])), names)
    assert whole.labels.tolist() == [1, 0, 1, 0]
    with pytest.raises(DataError, match="label two"):
        labelled_from_python((X, ["two"] * 4), names)


def test_splits_are_returned_as_they_are(mnist: Splits) -> None:
    assert splits_from_python(mnist) is mnist
    with pytest.warns(SoftregWarning, match="20 of the 100 images are held out"):
        splits = splits_from_python(mnist.train[:100])
    assert (len(splits.train), splits.train.classes) == (80, mnist.train.classes)


def test_images_in_a_column_of_objects_and_embeddings() -> None:
    images = np.random.default_rng(1).integers(0, 256, (8, 9, 9), dtype=np.uint8)
    column = np.empty(8, dtype=object)
    column[:] = list(images)
    splits = splits_from_python((column[:4], Y, column[4:], Y))
    assert np.array_equal(splits.train.images.numpy(), images[:4])
    rows = np.random.default_rng(1).normal(size=(8, 5)).astype(np.float32)
    splits = splits_from_python((rows[:4], Y, rows[4:], Y), options=ReadOptions(embeddings=True))
    assert np.array_equal(splits.test.images.numpy(), rows[4:])


def test_columns_of_parts_and_groups() -> None:
    import pandas as pd

    x = np.random.default_rng(1).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    y, side, writer = np.arange(40) % 2, np.array(["train", "train", "train", "val"] * 10), np.arange(40) // 4
    frame = pd.DataFrame(x.reshape(40, 64)).assign(label=y, side=side, writer=writer)
    arrays = {"X": x, "y": y, "side": side, "writer": writer}
    for data, by_writer in ((frame.drop(columns="writer"), frame), (arrays, arrays)):
        splits = splits_from_python(data, options=ReadOptions(split="side"))
        assert np.array_equal(splits.test.images.numpy(), x[3::4])
        with pytest.warns(SoftregWarning, match="whole groups"):
            grouped = splits_from_python(by_writer, options=ReadOptions(group="Writer"))
        assert len(grouped.test) == 8
        with pytest.raises(DataError, match="no column part"):
            splits_from_python(data, options=ReadOptions(split="part"))
    with pytest.raises(DataError, match="no column part"):
        splits_from_python((x, y), options=ReadOptions(split="part"))
    with pytest.raises(DataError, match="data: writer: 40 images but 39 labels"):
        splits_from_python(arrays | {"writer": writer[:39]}, options=ReadOptions(group="writer"))
