"""`class_weight = balanced`: scikit-learn's optimum, by every solver that finds one, and classes that count alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight

import softreg
from softreg.data.dataset import Dataset, Splits
from softreg.model.design import balanced_class_weight
from softreg.recipe import Recipe
from softreg.training.fit import fit


def uneven(n: int = 300, seed: int = 0) -> Dataset:
    """Three classes that overlap, of 80, 15 and 5 %, in images of 8 x 8."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, n, p=[0.8, 0.15, 0.05])
    labels[:3] = [0, 1, 2]
    images = random.integers(60, 200, (n, 8, 8)) + 12 * labels[:, None, None]
    return Dataset(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels), ("a", "b", "c"), "uneven")


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_the_optimum_is_scikit_learns(solver: str) -> None:
    data, l2 = uneven(), 1e-2
    model = fit(Recipe(solver=solver, l2=l2, tol=1e-10, class_weight="balanced"), data).model
    x = data.images.flatten(1).double().numpy() / 255
    theirs = LogisticRegression(C=1 / (l2 * len(data)), class_weight="balanced", tol=1e-10, max_iter=10_000)
    theirs.fit(x, data.labels.numpy())
    assert np.abs(model.linear.weight.detach().numpy() - theirs.coef_).max() < 3e-4
    bias = model.linear.bias.detach().numpy()
    np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-3)


def test_rare_classes_are_found_more_often(tmp_path: Path) -> None:
    data = Splits(uneven(600), uneven(600, seed=1))
    recalls = {}
    for class_weight in ("none", "balanced"):
        recipe = Recipe(solver="lbfgs", l2=1e-2, class_weight=class_weight)
        run = softreg.train(recipe, tmp_path / class_weight, data=data, figures=False)
        recalls[class_weight] = run.result["evaluation"]["recall"]
        assert run.recipe.class_weight == class_weight
    assert recalls["balanced"][2] > recalls["none"][2] + 0.2


def test_with_sgd_rare_classes_count_too() -> None:
    data = uneven(600)
    plain, balanced = (
        fit(Recipe(epochs=10, batch_size=20, class_weight=class_weight), data).model.predict_proba(data.images).mean(0)
        for class_weight in ("none", "balanced")
    )
    assert balanced[2] > 3 * plain[2]


def test_l2_is_chosen_by_the_weighted_loss_of_held_out_images() -> None:
    data = uneven(600)
    fitted = fit(Recipe(solver="lbfgs", l2="auto", class_weight="balanced"), data)
    x, y = data.images.flatten(1).double().numpy() / 255, data.labels.numpy()
    weights = compute_class_weight("balanced", classes=np.arange(3), y=y)[y]
    theirs = LogisticRegression(C=1 / (fitted.path[0].l2 * weights[:500].sum()), tol=1e-8, max_iter=1000)
    theirs.fit(x[:500], y[:500], sample_weight=weights[:500])
    loss = log_loss(y[500:], theirs.predict_proba(x[500:]), sample_weight=weights[500:])
    assert fitted.path[0].loss == pytest.approx(loss, rel=2e-3)
    accuracy = theirs.score(x[500:], y[500:], sample_weight=weights[500:])
    assert fitted.path[0].accuracy == pytest.approx(accuracy, abs=0.02)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_weights_are_scikit_learns(labels: list[int]) -> None:
    ours = balanced_class_weight(torch.tensor(labels), 5)
    present = sorted(set(labels))
    theirs = compute_class_weight("balanced", classes=np.array(present), y=np.array(labels))
    np.testing.assert_allclose(ours[present].numpy(), theirs, rtol=1e-6)
    assert float(ours[torch.tensor(labels)].sum()) == pytest.approx(len(labels), rel=1e-5)
    assert all(ours[c] == 1 for c in range(5) if c not in present)
