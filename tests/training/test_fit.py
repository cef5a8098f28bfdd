"""Training against the lab's printed table, and against PyTorch's own pieces doing the same steps."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from softreg.data.dataset import Dataset, Splits
from softreg.errors import RecipeError, SolverError
from softreg.inference.evaluation import evaluate
from softreg.optim.solver import State
from softreg.recipe import Recipe
from softreg.training.fit import Fit, fit
from tests.helpers.lab_table import LAB_COSTS


@pytest.fixture(scope="module")
def tutorial(mnist: Splits) -> Fit:
    return fit(Recipe.preset("tutorial"), mnist.train)


def test_the_labs_table(tutorial: Fit) -> None:
    np.testing.assert_allclose(tutorial.costs, LAB_COSTS, rtol=0, atol=2e-6)


def test_the_labs_accuracy_once_scaled_alike(tutorial: Fit, mnist: Splits) -> None:
    assert evaluate(tutorial.model, mnist.test).accuracy == pytest.approx(0.9226, abs=1e-9)


def test_the_labs_faulty_accuracy_is_its_unscaled_test_images(tutorial: Fit, mnist: Splits) -> None:
    linear = tutorial.model.linear
    with torch.no_grad():
        right = linear(mnist.test.images.flatten(1).float()).argmax(1) == mnist.test.labels
    assert right.float().mean().item() == 0.8883000016212463


def test_two_trainings_are_equal_bit_for_bit(tutorial: Fit, mnist: Splits) -> None:
    again = fit(Recipe.preset("tutorial"), mnist.train)
    assert again.costs == tutorial.costs
    assert torch.equal(again.model.linear.weight, tutorial.model.linear.weight)
    assert torch.equal(again.model.linear.bias, tutorial.model.linear.bias)


def pytorch(data: Dataset, recipe: Recipe) -> tuple[nn.Linear, list[float]]:
    """The lab's loop of PyTorch's own pieces, on any data."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        linear = nn.Linear(784, len(data.classes))
        loader = DataLoader(
            TensorDataset(data.images.flatten(1).float() / 255, data.labels),
            batch_size=recipe.batch_size,
            shuffle=True,
            drop_last=recipe.drop_last,
        )
        optimiser = torch.optim.SGD(linear.parameters(), lr=recipe.lr)
        costs = []
        for _ in range(recipe.epochs):
            batches = []
            for x, y in loader:
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(linear(x), y)
                (loss + 0.5 * float(recipe.l2) * linear.weight.square().sum()).backward()
                optimiser.step()
                batches.append((loss.item() * len(y), len(y)))
            costs.append(sum(c for c, _ in batches) / sum(n for _, n in batches))
    return linear, costs


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=3),
        Recipe(epochs=2, batch_size=37, drop_last=False, seed=0),
        Recipe(epochs=2, batch_size=1500, lr=0.5, seed=2**40),
        Recipe(epochs=2, batch_size=64, l2=0.01, seed=3),
        Recipe(epochs=1, batch_size=4000),
    ],
)
def test_the_same_steps_as_pytorch(recipe: Recipe, mnist: Splits) -> None:
    data = mnist.train[:4000]
    fitted = fit(recipe, data)
    linear, costs = pytorch(data, recipe)
    np.testing.assert_allclose(fitted.costs, costs, rtol=0, atol=2e-6)
    torch.testing.assert_close(fitted.model.linear.weight, linear.weight, rtol=0, atol=1e-5)
    torch.testing.assert_close(fitted.model.linear.bias, linear.bias, rtol=0, atol=1e-5)


def test_the_callers_generators_are_left_alone(mnist: Splits) -> None:
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
    fit(Recipe(epochs=1), mnist.train[:1000])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert str(np.random.get_state()) == before[2]  # noqa: NPY002


def test_a_batch_larger_than_the_data_is_refused(mnist: Splits) -> None:
    with pytest.raises(RecipeError, match="51"):
        fit(Recipe(batch_size=51), mnist.train[:50])


def test_ctrl_c_keeps_the_last_whole_epoch(mnist: Splits) -> None:
    def interrupt(state: State) -> None:
        if state.steps == 2:
            raise KeyboardInterrupt

    data = mnist.train[:1000]
    fitted = fit(Recipe(epochs=9), data, interrupt)
    two = fit(Recipe(epochs=2), data)
    assert (fitted.termination.reason.value, len(fitted.costs)) == ("interrupted", 2)
    assert torch.equal(fitted.model.linear.weight, two.model.linear.weight)


def test_a_learning_rate_too_large_is_said_so(mnist: Splits) -> None:
    fitted = fit(Recipe(epochs=2, lr=1e5), mnist.train[:1000])
    assert not fitted.termination.converged
    assert "learning rate 100000" in str(fitted.termination)


def test_weights_that_overflow_are_no_model(mnist: Splits) -> None:
    with pytest.raises(SolverError, match="diverged in epoch 1"):
        fit(Recipe(epochs=2, lr=1e6, l2=1e6), mnist.train[:3000])
