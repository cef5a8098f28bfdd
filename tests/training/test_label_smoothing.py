"""`label_smoothing`: the optimum of PyTorch's own smoothed cross-entropy, and a recipe that keeps it."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from softreg.data.dataset import Dataset
from softreg.errors import RecipeError
from softreg.recipe import Recipe
from softreg.training.fit import fit
from tests.helpers.pooled_features import textures


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset(textures(90, (8, 8), seed=0), torch.arange(90) % 3, ("a", "b", "c"), "textures")


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_the_gradient_of_torchs_objective_is_zero_at_the_optimum(data: Dataset, solver: str) -> None:
    found = fit(Recipe(solver=solver, l2=1e-2, tol=1e-10, label_smoothing=0.2), data)
    linear = found.model.double().linear
    logits = linear(data.images.flatten(1).double() / 255)
    value = cross_entropy(logits, data.labels, label_smoothing=0.2) + 0.5e-2 * linear.weight.square().sum()
    value.backward()
    assert linear.weight.grad is not None
    assert float(linear.weight.grad.abs().max()) < 1e-5
    assert found.objective == pytest.approx(float(value.detach()), abs=1e-7)


def test_a_recipe_writes_it_only_if_it_is_set() -> None:
    assert "label_smoothing" not in Recipe().to_toml()
    smoothed = Recipe(label_smoothing=0.1)
    assert Recipe.from_toml(smoothed.to_toml()) == smoothed


def test_more_than_all_of_a_target_cannot_be_spread() -> None:
    with pytest.raises(RecipeError, match="label_smoothing"):
        Recipe(label_smoothing=1.1)
