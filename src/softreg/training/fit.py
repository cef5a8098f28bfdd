"""fit(): the one loop that trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from softreg.compute.defaults import default_torch
from softreg.compute.device import choose_device
from softreg.compute.distributed import ProcessGroup
from softreg.compute.progress import report
from softreg.data.augmentation import augment
from softreg.data.dataset import Dataset
from softreg.data.idx import read_idx
from softreg.data.paper import are_written_on_paper
from softreg.errors import RecipeError
from softreg.features.choice import AUTO
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import make_feature_map
from softreg.model.calibration import calibrate
from softreg.model.design import balanced_class_weight, design_matrix
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.initialization import initial_theta
from softreg.optim.l2_path import PathPoint, best_point, l2_path
from softreg.optim.minimize import StopMinimization, minimize
from softreg.optim.objective import Objective
from softreg.optim.solver import Solver, State, Termination, TerminationReason
from softreg.optim.solvers.newton_type import checked_termination
from softreg.optim.solvers.registry import SOLVERS, make_solver
from softreg.recipe import BALANCED, Recipe


@dataclass(frozen=True, eq=False)
class TrainState:
    """The state of a training: enough to resume it bit for bit.

    Attributes
    ----------
    state : the solver's state
    losses : one per epoch or iteration so far
    seconds : training time so far
    """

    state: State
    losses: list[float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of a training.

    Attributes
    ----------
    model : in eval mode, on the device it was trained on
    costs : one per epoch or iteration
    objective : mean cross-entropy plus penalty over all training images, at the end
    termination : why the solver ended
    seconds : features, solver and calibration, without loading the data
    temperature : the weights and bias were divided by it to calibrate the probabilities; 1 without calibration
    l2 : the recipe's, or the chosen one
    path : the values of l2 it was chosen from; empty if the recipe has a number
    state : to resume an interrupted training from
    """

    model: SoftmaxRegression
    costs: list[float]
    objective: float
    termination: Termination
    seconds: float
    temperature: float
    l2: float
    path: list[PathPoint]
    state: TrainState


@default_torch()
@torch.no_grad()
def fit(
    recipe: Recipe,
    train: Dataset,
    on_step: Callable[[State], None] = lambda state: None,
    *,
    resume_from: TrainState | None = None,
    on_checkpoint: Callable[[TrainState], None] = lambda state: None,
    group: ProcessGroup | None = None,
    stop_after: int | None = None,
) -> Fit:
    """Train the model of `recipe` on the images of `train`.

    Parameters
    ----------
    on_step : called with the solver's state after every epoch or iteration; may raise `StopMinimization`
    resume_from : an argument of an earlier `on_checkpoint`, to go on from there
    on_checkpoint : called after every step, before `on_step`
    group : the processes that train together, each on its shard of the images; None for a single process
    stop_after : raise `StopMinimization` after this many steps, 0 included

    `StopMinimization` and Ctrl-C (KeyboardInterrupt) end it at the last whole step, with the termination STOPPED or INTERRUPTED.
    In a group, Ctrl-C is raised: the other ranks may be at another step.

    Raises
    ------
    RecipeError
        If the recipe does not fit the data.
    DataError
        If the recipe's outliers cannot be read.
    SolverError
        If the objective stops being finite.
    """
    recipe = recipe.for_images(len(train), train.image_shape)
    _check_fits(recipe, train)
    outliers = _outliers(recipe, train)
    began = time.perf_counter() - (resume_from.seconds if resume_from else 0.0)
    device = choose_device(recipe.device)
    generator = Generator().manual_seed(recipe.seed)
    features, objective, path = _problem(recipe, train, device, group)
    theta = initial_theta(features.dim, len(train.classes), generator).to(device)
    finds_optimum = SOLVERS[recipe.solver].finds_optimum
    if finds_optimum:  # from any start; at zero the Hessian is known in closed form
        theta = torch.zeros_like(theta)
    solver = make_solver(recipe.solver, vars(recipe), generator.get_state())
    start = resume_from or TrainState(solver.start(objective, theta), [], 0.0)
    epochs = recipe.epochs if "epochs" in SOLVERS[recipe.solver].parameters else None
    report("solver", start.state.steps, epochs)
    progress = _Progress(start, began, on_checkpoint, on_step, stop_after, epochs)
    state, termination = _run(solver, objective, theta, progress, group)
    model, temperature = SoftmaxRegression(features, train.classes), 1.0
    model.whole_pictures = not are_written_on_paper(train)
    if not termination.reason.is_early:
        if finds_optimum:
            termination = checked_termination(objective, state)
        if recipe.calibration:
            temperature, model.ood_detector = calibrate(features, objective, solver, theta, train, recipe.calibration, outliers)
    seconds = time.perf_counter() - began
    model.set_theta(state.theta / temperature)
    return Fit(
        model=model.to(device).eval(),
        costs=progress.latest.losses,
        objective=state.cost if finds_optimum else objective.value(state.theta),  # SGD's cost is a mean over an epoch
        termination=termination,
        seconds=seconds,
        temperature=temperature,
        l2=objective.l2,
        path=path,
        state=replace(progress.latest, seconds=seconds),
    )


class _Progress:
    """The callback of every step; `latest` is the training after the last whole one, so that Ctrl-C loses no more than a step."""

    def __init__(
        self,
        latest: TrainState,
        began: float,
        on_checkpoint: Callable[[TrainState], None],
        on_step: Callable[[State], None],
        stop_after: int | None,
        epochs: int | None,
    ) -> None:
        self.latest = latest
        self._began, self._on_checkpoint, self._on_step, self._stop_after = began, on_checkpoint, on_step, stop_after
        self._epochs = epochs

    @property
    def is_over(self) -> bool:
        """Whether there have been `stop_after` steps."""
        return self.latest.state.steps == self._stop_after

    def __call__(self, state: State) -> None:
        self.latest = TrainState(state, [*self.latest.losses, state.cost], time.perf_counter() - self._began)
        self._on_checkpoint(self.latest)
        report("solver", state.steps, self._epochs)
        self._on_step(state)
        if self.is_over:
            raise StopMinimization


def _run(
    solver: Solver, objective: Objective, theta: Tensor, progress: _Progress, group: ProcessGroup | None
) -> tuple[State, Termination]:
    """Minimise until the solver, a callback or Ctrl-C ends it; the last state, and why."""
    try:
        if progress.is_over:
            state = _ended(progress.latest.state, TerminationReason.STOPPED)
        else:
            state = minimize(solver, objective, theta, resume_from=progress.latest.state, on_step=progress)
    except KeyboardInterrupt:
        if group:
            raise
        state = _ended(progress.latest.state, TerminationReason.INTERRUPTED)
    assert state.termination is not None
    return state, state.termination


def _ended(state: State, reason: TerminationReason) -> State:
    return replace(state, termination=Termination(reason, {"steps": state.steps}))


def _problem(
    recipe: Recipe, train: Dataset, device: torch.device, group: ProcessGroup | None
) -> tuple[FeatureMap, Objective, list[PathPoint]]:
    """The fitted feature map, the objective, and the path its l2 was chosen from."""
    report("feature_map")
    features = make_feature_map(recipe.features, train.image_shape).to(device).fit(train.images.to(device), recipe.seed)
    if recipe.copies:
        report("copies")
    augmented = augment(train, recipe.copies, recipe.seed)
    balanced = recipe.class_weight == BALANCED
    class_weight = balanced_class_weight(train.labels, len(train.classes)) if balanced else None
    objective = Objective(design_matrix(features, augmented, device, group, class_weight=class_weight), len(train.classes))
    path = l2_path(objective, recipe.copies, recipe.solver, vars(recipe)) if recipe.l2 == AUTO else []
    return features, replace(objective, l2=best_point(path).l2 if path else float(recipe.l2)), path


def _outliers(recipe: Recipe, train: Dataset) -> Tensor | None:
    """The recipe's own outliers (M, H, W), read before anything is trained; None if it has none."""
    if not recipe.outliers:
        return None
    images = read_idx(Path(recipe.outliers), 3)
    if images.shape[1:] != train.image_shape:
        shape, wanted = (" x ".join(map(str, s)) for s in (images.shape[1:], train.image_shape))
        raise RecipeError("recipe.outliers_shape", path=recipe.outliers, shape=shape, wanted=wanted)
    return images


def _check_fits(recipe: Recipe, train: Dataset) -> None:
    """Raise a RecipeError if the recipe asks for more images than there are."""
    if "batch_size" in SOLVERS[recipe.solver].parameters and recipe.batch_size > len(train):
        raise RecipeError("recipe.batch_too_large", batch=recipe.batch_size, n=len(train))
    if recipe.calibration >= len(train):
        raise RecipeError("recipe.calibration_too_large", count=recipe.calibration, n=len(train))
