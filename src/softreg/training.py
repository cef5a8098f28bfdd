"""fit(): the one loop that trains."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from softreg.data import Dataset
from softreg.design import DesignMatrix
from softreg.device import choose_device
from softreg.errors import RecipeError
from softreg.features import Features, make_features
from softreg.model import SoftmaxRegression
from softreg.objective import Objective
from softreg.recipe import Recipe
from softreg.solvers import Ending, State, make_solver


@dataclass(frozen=True, eq=False)
class Fit:
    """What training gives.

    Attributes
    ----------
    model : in eval mode, on the device it was trained on
    costs : one per epoch or iteration
    objective : mean cross-entropy plus penalty over all training images, at the end
    ending : how the solver ended
    seconds : of the loop alone, features and solver, without loading
    """

    model: SoftmaxRegression
    costs: list[float]
    objective: float
    ending: Ending
    seconds: float


@torch.no_grad()
def fit(recipe: Recipe, train: Dataset, on_step: Callable[[State], None] = lambda state: None) -> Fit:
    """Train the model `recipe` asks for on the images of `train`, calling `on_step` after every epoch or iteration.

    Ctrl-C (KeyboardInterrupt) ends it cleanly: the model is the one of the last whole step.
    """
    if recipe.solver == "sgd" and recipe.batch_size > len(train):
        raise RecipeError("recipe.batch_too_large", batch=recipe.batch_size, n=len(train))
    began = time.perf_counter()
    device = choose_device(recipe.device)
    features = make_features(recipe.features).to(device).fit(train.images.to(device), recipe.seed)
    generator = Generator().manual_seed(recipe.seed)
    objective = Objective(design_matrix(features, train, device), len(train.classes), recipe.l2)
    theta = initial_theta(features.dim, len(train.classes), generator).to(device)
    solver = make_solver(recipe, generator.get_state())
    state, costs = solver.start(objective, theta), list[float]()
    try:
        while state.ended is None:
            state = solver.step(objective, state)
            costs.append(state.cost)
            on_step(state)
    except KeyboardInterrupt:
        state = replace(state, ended=Ending("interrupted", converged=False, facts={"steps": state.steps}))
    seconds = time.perf_counter() - began
    model = SoftmaxRegression(features, train.classes).to(device).eval()
    model.set_theta(state.theta)
    assert state.ended is not None
    return Fit(model, costs, objective.value(state.theta), state.ended, seconds)


def design_matrix(features: Features, data: Dataset, device: torch.device) -> DesignMatrix:
    """The features of all images; pixels stay uint8 and are scaled on the way."""
    images, labels = data.images.to(device), data.labels.to(device)
    if features.name == "pixels":
        return DesignMatrix(images.flatten(1), labels, scale=1 / 255)
    return DesignMatrix(features(images), labels)


def initial_theta(dim: int, classes: int, generator: Generator) -> Tensor:
    """theta (C, D + 1) drawn as `nn.Linear(dim, classes)` draws its weight and then its bias.

    Both are uniform in +-1/sqrt(dim): Kaiming's bound with a = sqrt(5) (torch/nn/modules/linear.py).
    """
    bound = 1 / math.sqrt(dim)
    weight = torch.empty(classes, dim).uniform_(-bound, bound, generator=generator)  # (C, D)
    bias = torch.empty(classes).uniform_(-bound, bound, generator=generator)  # (C,)
    return torch.cat([weight, bias[:, None]], dim=1)
