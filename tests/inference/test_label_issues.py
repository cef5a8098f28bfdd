"""Label issues: planted wrong labels are found, and cross-validation never trains on the image it judges."""

from dataclasses import replace

import pytest
import torch

from softreg.data.dataset import Dataset, Origin, Splits
from softreg.inference.label_issues import cross_val_log_proba, find_label_issues
from softreg.recipe import Recipe
from softreg.training.fit import fit


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_planted_wrong_labels_are_found(mnist: Splits, solver: str) -> None:
    labels = mnist.train.labels[:3000].clone()
    planted = torch.arange(7, 3000, 250)
    labels[planted] = (labels[planted] + 3) % 10
    data = Dataset(mnist.train.images[:3000], labels, mnist.train.classes, "planted")
    settings = {"l2": 1e-2, "solver": "lbfgs", "tol": 1e-5} if solver == "lbfgs" else {"epochs": 8}
    recipe = Recipe(features="deskew", **settings)
    folds: list[int] = []
    log_p = cross_val_log_proba(recipe, fit(recipe, data).model, data, folds.append)
    assert folds == [0, 1, 2, 3, 4]
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(3000, dtype=torch.float64))
    found = find_label_issues(log_p, labels, 40)
    assert len(set(planted.tolist()) & set(found.index.tolist())) >= 10
    assert (found.label_probability.diff() >= 0).all()
    assert (found.probability >= found.label_probability).all()
    assert torch.equal(found.prediction, log_p.argmax(1)[found.index])


def test_cross_validation_agrees_with_a_model_trained_without_the_fold(mnist: Splits) -> None:
    data, recipe = mnist.train[:500], Recipe(l2=3e-2, solver="lbfgs", tol=1e-6)
    log_p = cross_val_log_proba(recipe.replace({"tol": 1e-4}), fit(recipe, data).model, data)
    aside = torch.arange(500) % 5 == 2
    others = Dataset(data.images[~aside], data.labels[~aside], data.classes, data.name)
    expected = fit(recipe, others).model.predict_proba(data.images[aside])
    torch.testing.assert_close(log_p[aside].exp().float(), expected, atol=0.02, rtol=0)


def test_no_image_is_judged_by_others_of_its_group(mnist: Splits) -> None:
    """Each image comes twice: its copy would give its label away."""
    twice = torch.arange(99).repeat(2)
    labels = mnist.train.labels[:99].roll(1)[twice]  # nothing to learn but by heart
    data = Dataset(mnist.train.images[:99][twice], labels, mnist.train.classes, "twice", groups=twice)
    recipe = Recipe(l2=1e-4, solver="lbfgs", tol=1e-4)
    model = fit(recipe, data).model
    alone, together = (
        float((cross_val_log_proba(recipe, model, part).argmax(1) == labels).double().mean())
        for part in (data, replace(data, groups=None))
    )
    assert alone < 0.2
    assert together > 0.8


def test_correct_labels_are_no_issues() -> None:
    found = find_label_issues(torch.eye(4, dtype=torch.float64).mul(8).log_softmax(1), torch.arange(4), 10)
    assert len(found.index) == 0


def test_issues_name_the_file_or_the_line() -> None:
    found = find_label_issues(torch.eye(3, dtype=torch.float64).mul(8).log_softmax(1), torch.tensor([0, 2, 1]), 10)
    images, labels, classes = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.tensor([0, 2, 1]), ("a", "b", "c")
    for origin, names in (
        (Origin("data/train", ["a/1.png", "c/2.png", "b/3.png"]), ["data/train/c/2.png", "data/train/b/3.png"]),
        (Origin("train.csv", ["7", "8", "9"], torch.tensor([2, 3, 5])), ["train.csv:3", "train.csv:5"]),
        (None, [None, None]),
    ):
        issues = found.to_json(Dataset(images, labels, classes, "d", origin))
        assert sorted(str(issue["name"]) for issue in issues) == sorted(map(str, names))
        assert [issue["index"] for issue in issues] == found.index.tolist()
