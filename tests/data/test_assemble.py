"""Splits: held out by class and seed, in the order people rely on where there is one; and what is said about odd data."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import softreg
from softreg.data.assemble import stratified_order
from softreg.data.forms.source import ReadOptions
from softreg.data.load import load_dataset, load_splits
from softreg.errors import DataError, SoftregWarning
from softreg.inference.explanation import explain_run
from softreg.recipe import Recipe
from softreg.runs.run import open_run
from softreg.training.reproduce import reproduce


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 2**31))
def test_every_tail_of_the_order_has_the_classes_shares(labels: list[int], seed: int) -> None:
    given_labels = torch.tensor(labels)
    order = stratified_order(given_labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    assert torch.equal(order, stratified_order(given_labels, seed))
    counts = given_labels.bincount(minlength=5)
    for tail in range(1, len(labels) + 1, 7):
        found = given_labels[order[-tail:]].bincount(minlength=5)
        assert float((found - counts * tail / len(labels)).abs().max()) <= 5  # one for each class


def npz(path: Path, n: int = 200, **others: object) -> Path:
    """Images sorted by label, ten classes."""
    random = np.random.default_rng(1)
    y = np.sort(np.arange(n) % 10)
    x = random.integers(0, 60, (n, 12, 12))
    x[np.arange(n), y, y] = 255
    np.savez(path, **({"X": x.astype(np.uint8), "y": y} | others))  # type: ignore[arg-type]
    return path


def test_what_is_held_out_is_stratified_and_drawn_by_the_seed(tmp_path: Path) -> None:
    path = npz(tmp_path / "sorted.npz", x_test=np.ones((2, 12, 12), np.uint8), y_test=np.array([0, 1]))
    one, again, other = (load_splits(path, 50, seed=seed, stratify=True) for seed in (1, 1, 2))
    assert one.test.labels.bincount(minlength=10).tolist() == [5] * 10
    assert torch.equal(one.test.images, again.test.images)
    assert not torch.equal(one.test.images, other.test.images)
    with pytest.warns(SoftregWarning, match="40 of the 200 images are held out"):
        held = load_dataset(npz(tmp_path / "no test.npz"), seed=3)
    assert held.test.labels.bincount(minlength=10).tolist() == [4] * 10
    assert held.train.labels.tolist() == sorted(held.train.labels.tolist())  # the order of the file


@pytest.mark.parametrize("validation", [0, 30])
def test_no_group_is_divided(tmp_path: Path, validation: int) -> None:
    random = np.random.default_rng(2)
    frame = pd.DataFrame(random.integers(0, 256, (200, 64)))
    writers = random.integers(0, 25, 200)
    frame.assign(label=np.arange(200) % 4, writer=writers).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(SoftregWarning, match=r"of the 200 images are held out for testing \(whole groups"):
        splits = load_splits(tmp_path / "t.csv", validation, options=ReadOptions(group="writer"), seed=4, stratify=True)
    lines = [[int(part.name_of(row).rpartition(":")[2]) - 2 for row in range(len(part))] for part in (splits.train, splits.test)]  # type: ignore[union-attr]
    assert not set(writers[lines[0]]) & set(writers[lines[1]])
    assert len(splits.test) >= (validation or 40)
    for part, rows in zip((splits.train, splits.test), lines, strict=True):
        assert np.array_equal(part.images.flatten(1).numpy(), frame.to_numpy()[rows])  # an image keeps its name
        assert part.labels.tolist() == [row % 4 for row in rows]


def test_one_group_cannot_be_divided(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", writer=np.zeros(200, np.uint8))
    with pytest.raises(DataError, match="all 200 images are of one group"):
        load_dataset(path, options=ReadOptions(group="writer"))


def test_published_orders_stay() -> None:
    mnist, split = load_dataset("mnist").train, load_splits("mnist", 10_000, seed=5, stratify=False)
    assert torch.equal(split.test.images, mnist.images[50_000:])
    assert torch.equal(split.train.labels, mnist.labels[:50_000])


def test_sorted_data_no_longer_misleads_l2_auto(tmp_path: Path) -> None:
    path = npz(tmp_path / "sorted.npz", 400)
    recipe = Recipe(dataset=str(path), solver="lbfgs", l2="auto")
    with pytest.warns(SoftregWarning, match="held out"):
        run = softreg.train(recipe, tmp_path / "run", figures=False)
    assert run.result["evaluation"]["accuracy"] > 0.9
    with pytest.warns(SoftregWarning, match="held out"):
        assert reproduce(run).same


def test_duplicates_and_lonely_labels_are_told(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz")
    x, y = (np.load(path)[name] for name in "Xy")
    y[0] = 255
    np.savez(tmp_path / "b.npz", X=x, y=y, x_test=x[5:9], y_test=y[5:9])
    with pytest.warns(SoftregWarning) as told:
        assert load_dataset(tmp_path / "b.npz").train.classes[-1] == "255"
    lines = [str(warning.message) for warning in told]
    assert any("only one training image has the label 255" in line for line in lines)
    assert any("4 of the 4 test images are also training images" in line for line in lines)


def test_a_folder_named_like_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.warns(SoftregWarning, match="./mnist"):
        assert len(load_dataset("mnist").train) == 60_000


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    npz(tmp_path / "a.npz", x_test=np.ones((2, 12, 12), np.uint8), y_test=np.array([0, 1]))
    assert len(load_dataset("~/a.npz").train) == 200


def test_a_run_travels_without_its_data(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x_test=np.ones((20, 12, 12), np.uint8), y_test=np.arange(20) % 10)
    softreg.train(Recipe(dataset=str(path), epochs=1, batch_size=50), tmp_path / "run", figures=False)
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    path.rename(tmp_path / "moved.npz")
    run = open_run(tmp_path / "elsewhere")
    assert run.model().image_shape == (12, 12)
    for use in (softreg.evaluate, explain_run, reproduce):
        with pytest.raises(DataError, match=r"a\.npz, which is not here.*--data"):
            use(run)
    assert softreg.evaluate(run, tmp_path / "moved.npz").n == 20
    assert reproduce(run, data=tmp_path / "moved.npz").same
    assert len(explain_run(run, data=tmp_path / "moved.npz").splits.train) == 200


def test_data_that_was_trained_on_is_evaluated_where_it_was_held_out(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz")
    for validation in (0, 30):
        recipe = Recipe(dataset=str(path), epochs=1, batch_size=50, validation=validation)
        with pytest.warns(SoftregWarning, match="held out for testing"):
            run = softreg.train(recipe, tmp_path / f"run{validation}", figures=False)
        shutil.copy(path, tmp_path / "copy.npz")
        with pytest.warns(SoftregWarning, match=f"copy.npz: .* evaluated on the {validation or 40} of 200"):
            assert softreg.evaluate(run, tmp_path / "copy.npz").to_json() == run.result["evaluation"]
    x, y = (np.load(path)[name] for name in "Xy")
    np.savez(tmp_path / "b.npz", X=x, y=y, x_test=x[:5] // 2, y_test=y[:5])
    run = softreg.train(Recipe(dataset=str(tmp_path / "b.npz"), epochs=1, batch_size=50), tmp_path / "run", figures=False)
    with pytest.warns(SoftregWarning, match="these very images"):
        assert softreg.evaluate(run, (x, y)).n == 200


def test_one_image_is_too_few_and_no_label_none_to_learn_from(tmp_path: Path) -> None:
    names = np.array(["a", "b"])
    np.savez(tmp_path / "one.npz", X=np.ones((1, 8, 8), np.uint8), y=np.array([0]), classes=names)
    with pytest.raises(DataError, match=r"one\.npz: 1 images are too few"):
        load_dataset(tmp_path / "one.npz")
    np.savez(tmp_path / "none.npz", X=np.ones((3, 8, 8), np.uint8), classes=names)
    with pytest.raises(DataError, match="contains no labels"):
        load_dataset(tmp_path / "none.npz")
