"""fit(): the one loop that trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from softreg.compute.defaults import default_torch
from softreg.compute.device import choose_device
from softreg.compute.distributed import ProcessGroup
from softreg.compute.progress import report
from softreg.data.dataset import Dataset
from softreg.data.paper import are_written_on_paper
from softreg.data.polarity import usual_ground
from softreg.model.calibration import calibrate
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.l2_path import PathPoint
from softreg.optim.minimize import StopMinimization, minimize
from softreg.optim.percent_done import percent_done
from softreg.optim.solver import State, Termination, TerminationReason
from softreg.optim.solvers.newton_type import checked_termination
from softreg.recipe import Recipe
from softreg.training.problem import Problem, check_fits, make_problem, read_outliers


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
    check_fits(recipe, train)
    outliers = read_outliers(recipe, train)
    began = time.perf_counter() - (resume_from.seconds if resume_from else 0.0)
    problem = make_problem(recipe, train, choose_device(recipe.device), group)
    start = resume_from or TrainState(_start(problem), [], 0.0)
    report("solver", percent_done(problem.solver, start.state), 100)
    progress = _Progress(problem, start, began, on_checkpoint, on_step, stop_after)
    state, termination = _run(problem, progress, group)
    model, temperature = SoftmaxRegression(problem.features, train.classes), 1.0
    model.whole_pictures = not are_written_on_paper(train)
    model.ground = usual_ground(train.images) if model.whole_pictures else "dark"
    if recipe.calibration and not termination.reason.is_early:
        solver = problem.solver, problem.theta
        args = problem.features, problem.objective, problem.projections, *solver, train, recipe.calibration, outliers
        temperature, model.ood_detector = calibrate(*args)
    seconds = time.perf_counter() - began
    model.set_theta(problem.of_features(state.theta) / temperature)
    objective = state.cost if problem.finds_optimum else problem.objective.value(state.theta)  # SGD's cost is an epoch's mean
    return Fit(
        model=model.to(problem.theta.device).eval(),
        costs=progress.latest.losses,
        objective=objective,
        termination=termination,
        seconds=seconds,
        temperature=temperature,
        l2=problem.objective.l2,
        path=problem.path,
        state=replace(progress.latest, seconds=seconds),
    )


class _Progress:
    """The callback of every step; `latest` is the training after the last whole one, so that Ctrl-C loses no more than a step."""

    def __init__(
        self,
        problem: Problem,
        latest: TrainState,
        began: float,
        on_checkpoint: Callable[[TrainState], None],
        on_step: Callable[[State], None],
        stop_after: int | None,
    ) -> None:
        self.latest = latest
        self._began, self._on_checkpoint, self._on_step, self._stop_after = began, on_checkpoint, on_step, stop_after
        self._problem = problem

    @property
    def is_over(self) -> bool:
        """Whether there have been `stop_after` steps."""
        return self.latest.state.steps == self._stop_after

    def __call__(self, state: State) -> None:
        self.latest = TrainState(state, [*self.latest.losses, state.cost], time.perf_counter() - self._began)
        self._on_checkpoint(self.latest)
        report("solver", percent_done(self._problem.solver, state), 100)
        self._on_step(replace(state, theta=self._problem.of_features(state.theta)))
        if self.is_over:
            raise StopMinimization


def _run(problem: Problem, progress: _Progress, group: ProcessGroup | None) -> tuple[State, Termination]:
    """Minimise until the solver, a callback or Ctrl-C ends it; the last state, and why, checked if it is said to be the optimum."""
    try:
        if progress.is_over:
            state = _ended(progress.latest.state, TerminationReason.STOPPED)
        else:
            start = progress.latest.state
            state = minimize(problem.solver, problem.reduction.objective, start.theta, resume_from=start, on_step=progress)
    except KeyboardInterrupt:
        if group:
            raise
        state = _ended(progress.latest.state, TerminationReason.INTERRUPTED)
    assert state.termination is not None
    if problem.finds_optimum and not state.termination.reason.is_early:
        return state, checked_termination(problem.objective, problem.reduction.lift_state(state))
    return state, state.termination


def _start(problem: Problem) -> State:
    theta = problem.reduction.begin_at(problem.theta, problem.solver.total)
    return problem.solver.start(problem.reduction.objective, theta)


def _ended(state: State, reason: TerminationReason) -> State:
    return replace(state, termination=Termination(reason, {"steps": state.steps}))
