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
from softreg.data.forms.source import ReadOptions
from softreg.data.from_python import splits_from_python
from softreg.errors import DataError
from softreg.model.serialization import model_to_bytes
from softreg.recipe import Recipe
from softreg.runs.run import open_run
from softreg.training.reproduce import reproduce
from tests.data.conftest import WRITERS, Arrays

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


@pytest.mark.parametrize("form", ["idx", "folders", "mnist", "arrays"])
def test_a_label_cannot_be_named_where_labels_have_no_names(form: str, idx_folder: Path, arrays: Arrays, tmp_path: Path) -> None:
    data: object = {"idx": idx_folder, "mnist": "mnist", "arrays": (arrays[0], arrays[1])}.get(form)
    if form == "folders":
        data = WRITERS[form](tmp_path, arrays)
    with pytest.raises(DataError, match="--label digit cannot be used here"):
        splits_from_python(data, options=ReadOptions(label="digit"))
