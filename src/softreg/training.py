"""fit(): the one loop that trains."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from softreg.calibration import calibrate
from softreg.certificate import certify
from softreg.data import Dataset
from softreg.data.deformation import with_copies
from softreg.design import DesignMatrix
from softreg.device import choose_device
from softreg.errors import RecipeError
from softreg.features import Features, make_features
from softreg.l2_path import Tried, best, l2_path
from softreg.model import SoftmaxRegression
from softreg.objective import Objective
from softreg.ranks import Ranks
from softreg.recipe import AUTO, Recipe
from softreg.solvers import Ending, State, make_solver


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a training has come: enough to go on from here, bit for bit.

    Attributes
    ----------
    state : the solver's
    costs : one per epoch or iteration so far
    seconds : spent so far
    """

    state: State
    costs: list[float]
    seconds: float


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
    temperature : what the solver's weights and bias were divided by, for the probabilities to be right; 1 without calibration
    l2 : the recipe's, or the one chosen
    path : what it was chosen among, by images held out; empty if the recipe says a number
    progress : what an interrupted training goes on from
    """

    model: SoftmaxRegression
    costs: list[float]
    objective: float
    ending: Ending
    seconds: float
    temperature: float
    l2: float
    path: list[Tried]
    progress: Progress


@torch.no_grad()
def fit(
    recipe: Recipe,
    train: Dataset,
    on_step: Callable[[State], None] = lambda state: None,
    *,
    resumed: Progress | None = None,
    keep: Callable[[Progress], None] = lambda progress: None,
    ranks: Ranks | None = None,
) -> Fit:
    """Train the model `recipe` asks for on the images of `train`, calling `on_step` after every epoch or iteration.

    `keep` is handed the progress after every step, first; `resumed` is what it was handed once, to go on from.
    Ctrl-C (KeyboardInterrupt) ends it cleanly: the model is the one of the last whole step. One of several `ranks` computes with
    its share of the images alone.
    """
    _refuse_the_impossible(recipe, train, ranks)
    began = time.perf_counter()
    device = choose_device(recipe.device)
    generator = Generator().manual_seed(recipe.seed)
    features, objective, path = _problem(recipe, train, device, ranks)
    theta = initial_theta(features.dim, len(train.classes), generator).to(device)
    if recipe.solver != "sgd":  # they end at the one optimum wherever they begin, and know the Hessian at zero
        theta = torch.zeros_like(theta)
    solver = make_solver(recipe, generator.get_state())
    before = resumed or Progress(solver.start(objective, theta), [], 0.0)
    state, costs = before.state, list(before.costs)
    try:
        while state.ended is None:
            state = solver.step(objective, state)
            costs.append(state.cost)
            keep(Progress(state, costs, before.seconds + time.perf_counter() - began))
            on_step(state)
        ending = state.ended
    except KeyboardInterrupt:
        if ranks:  # the others stand elsewhere
            raise
        ending = Ending("interrupted", converged=False, facts={"steps": state.steps})
        del costs[state.steps :]  # the cost of a step whose state was not taken over
    if recipe.solver != "sgd" and ending.key != "interrupted":
        ending = replace(ending, facts=ending.facts | {"proven": certify(objective, state.theta).gap})
    model = SoftmaxRegression(features, train.classes)
    temperature = 1.0
    if recipe.calibration and ending.key != "interrupted":
        temperature, model.novelty = calibrate(features, objective, solver, theta, train, recipe.calibration)
    seconds = before.seconds + time.perf_counter() - began
    model.set_theta(state.theta / temperature)
    progress = Progress(state, costs, seconds)
    return Fit(
        model.to(device).eval(), costs, objective.value(state.theta), ending, seconds, temperature, objective.l2, path, progress
    )


def _problem(recipe: Recipe, train: Dataset, device: torch.device, ranks: Ranks | None) -> tuple[Features, Objective, list[Tried]]:
    """What is to be minimised, over which features, and what was tried on the way to its l2."""
    features = make_features(recipe.features).to(device).fit(train.images.to(device), recipe.seed)
    learned = with_copies(train, recipe.copies, recipe.seed)
    objective = Objective(design_matrix(features, learned, device, ranks), len(train.classes))
    path = l2_path(objective, recipe.copies, recipe) if recipe.l2 == AUTO else []
    return features, replace(objective, l2=best(path).l2 if path else float(recipe.l2)), path


def _refuse_the_impossible(recipe: Recipe, train: Dataset, ranks: Ranks | None) -> None:
    """What only shows beside the data."""
    if ranks and recipe.calibration:
        raise RecipeError("ranks.no_calibration")
    if recipe.solver == "sgd" and recipe.batch_size > len(train):
        raise RecipeError("recipe.batch_too_large", batch=recipe.batch_size, n=len(train))
    if recipe.calibration >= len(train):
        raise RecipeError("recipe.calibration_too_large", count=recipe.calibration, n=len(train))


def design_matrix(features: Features, data: Dataset, device: torch.device, ranks: Ranks | None = None) -> DesignMatrix:
    """The features of all images, or of a rank's share, stored as they ask to be."""
    if ranks is None:
        return DesignMatrix(features.rows(data.images.to(device)), data.labels.to(device), scale=features.unit)
    share = ranks.share(len(data))
    return replace(design_matrix(features, data[share], device), first=share.start, all_reduce=ranks.sum)


def initial_theta(dim: int, classes: int, generator: Generator) -> Tensor:
    """Theta (C, D + 1) drawn as `nn.Linear(dim, classes)` draws its weight and then its bias.

    Both are uniform in +-1/sqrt(dim): Kaiming's bound with a = sqrt(5) (torch/nn/modules/linear.py).
    """
    bound = 1 / math.sqrt(dim)
    weight = torch.empty(classes, dim).uniform_(-bound, bound, generator=generator)  # (C, D)
    bias = torch.empty(classes).uniform_(-bound, bound, generator=generator)  # (C,)
    return torch.cat([weight, bias[:, None]], dim=1)
