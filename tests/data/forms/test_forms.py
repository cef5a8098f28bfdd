"""Every form, written by its own library, gives the weights of the same images as IDX, bit for bit, and the commands take it."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import softreg
from softreg.cli import main
from softreg.data.dataset import Dataset, Splits
from softreg.data.load import load_dataset
from softreg.errors import DataError, SoftregWarning
from softreg.model.serialization import model_to_bytes
from softreg.recipe import IN_MEMORY, Recipe
from softreg.runs.run import open_run
from softreg.training.reproduce import reproduce
from tests.data.forms.conftest import WRITERS, Arrays

train = partial(softreg.train, figures=False)


def recipe(dataset: Path | str, **changes: Any) -> Recipe:
    return Recipe(dataset=str(dataset), epochs=2, batch_size=50, **changes)


def weights(run: softreg.Run) -> bytes:
    return model_to_bytes(run.model())[0]


def sorted_by_class(arrays: Arrays) -> Arrays:
    """The order in which folders of classes are read."""
    x, y, tx, ty = arrays
    order, test_order = y.argsort(kind="stable"), ty.argsort(kind="stable")
    return x[order], y[order], tx[test_order], ty[test_order]


@pytest.mark.parametrize("form", WRITERS)
def test_a_form_gives_the_weights_of_the_same_images_as_idx(form: str, arrays: Arrays, idx_folder: Path, tmp_path: Path) -> None:
    if form == "folders":
        from tests.helpers.http_mirror import idx

        idx_folder = tmp_path / "idx"
        idx_folder.mkdir()
        names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        for name, array in zip(names, sorted_by_class(arrays), strict=True):
            (idx_folder / f"{name}-ubyte").write_bytes(idx(array))
    (tmp_path / "data").mkdir()
    path = WRITERS[form](tmp_path / "data", arrays)
    expected = train(recipe(idx_folder), tmp_path / "expected")
    run = train(recipe(path), tmp_path / "run")
    assert weights(run) == weights(expected)
    assert run.result["evaluation"] == expected.result["evaluation"]
    assert run.environment["data_sha256"] == expected.environment["data_sha256"]
    assert reproduce(run).same
    assert softreg.evaluate(run).to_json() == softreg.evaluate(run, path).to_json() == run.result["evaluation"]


@pytest.mark.parametrize("form", WRITERS)
def test_the_commands_take_every_form(form: str, arrays: Arrays, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    path, run, answers = str(WRITERS[form](tmp_path / "data", arrays)), str(tmp_path / "run"), str(tmp_path / "answers.csv")
    flags = ("--dataset", path, "--epochs", "2", "--batch-size", "50")
    for arguments in (
        ("train", *flags, "--out", run, "--json"),
        ("evaluate", run, "--data", path, "--json"),
        ("predict", "--dataset", path, "--csv", answers, "--model", run, "--json"),
        ("data", path, "--out", str(tmp_path / "grid.png"), "--json"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        output = capsys.readouterr()
        assert ended.value.code == 0, output.err
        assert json.loads(output.out)["schema"] == 1
    lines = Path(answers).read_text().splitlines()
    model, (x, y) = open_run(run).model(), (arrays if form != "folders" else sorted_by_class(arrays))[2:]
    named = [int(line.rpartition(",")[2]) for line in lines[1:]]
    assert lines[0] == "ImageId,Label"
    assert named == model.logits(torch.from_numpy(x)).argmax(1).tolist()
    accuracy = open_run(run).result["evaluation"]["accuracy"]
    assert float((np.array(named) == y).mean()) == accuracy


def python_data(arrays: Arrays) -> dict[str, Any]:
    """What lies in a notebook, by the libraries that make it."""
    import pandas as pd
    from PIL import Image
    from sklearn.utils import Bunch
    from torch.utils.data import TensorDataset

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
        ({"a": X, "b": Y}, "no images among the arrays a, b"),
        ({"x_test": X, "y_test": Y}, "only test images"),
        (7, "must be a path, .* got int"),
    ],
)
def test_wrong_data_is_refused_by_name(data: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        softreg.train(Recipe(), data=data)


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


def test_what_is_no_dataset_lists_the_forms(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("?")
    with pytest.raises(DataError, match=r"notes.txt.*\.csv.*\.npz"):
        load_dataset(tmp_path / "notes.txt")
