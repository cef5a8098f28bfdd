"""Solvers: each minimises an objective, one step at a time; none knows what a pixel is.

A solver is driven by the one loop in `softreg.training`::

    state = solver.start(objective, theta)
    while state.ended is None:
        state = solver.step(objective, state)

A state holds everything the next step depends on, so a run can be stopped after any step and go on from there, bit for bit.
"""

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from softreg.errors import SolverError
from softreg.objective import Objective
from softreg.recipe import Recipe
from softreg.words import say


@dataclass(frozen=True)
class Ending:
    """How it ended: `solvers.<key>` in the table of words, with its facts. `str()` is a sentence for people."""

    key: str
    converged: bool
    facts: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        proof = say("solvers.proof", **self.facts) if "proven" in self.facts else ""
        return say(f"solvers.{self.key}", **self.facts, proof=proof)


@dataclass(frozen=True, eq=False)
class State:
    """Where a solver stands after `steps` steps.

    Attributes
    ----------
    theta : (C, D + 1), weights and bias
    steps : epochs or iterations done
    cost : what the last step cost: the mean over an epoch's batches, or the objective at theta
    ended : how it ended, None while there is more to do
    memory : the solver's own tensors, by name
    """

    theta: Tensor
    steps: int
    cost: float
    ended: Ending | None
    memory: dict[str, Tensor]


class Solver(Protocol):
    """Minimises an objective."""

    @property
    def total(self) -> int:
        """At most so many steps."""

    def start(self, objective: Objective, theta: Tensor) -> State:
        """The state before the first step, at theta (C, D + 1)."""

    def step(self, objective: Objective, state: State) -> State:
        """The state one epoch or iteration later; `state` itself is left as it was."""


def make_solver(recipe: Recipe, generator_state: Tensor) -> Solver:
    """The solver a recipe asks for; random draws go on from `generator_state`."""
    if recipe.solver == "sgd":
        from softreg.solvers.sgd import SGD

        return SGD(recipe.epochs, recipe.batch_size, recipe.lr, drop_last=recipe.drop_last, generator_state=generator_state)
    if recipe.solver == "lbfgs":
        from softreg.solvers.lbfgs import LBFGS

        return LBFGS(recipe.tol, recipe.max_iterations, recipe.certify)
    if recipe.solver == "newton":
        from softreg.solvers.newton import Newton

        return Newton(recipe.tol, recipe.max_iterations, recipe.certify)
    raise SolverError("solvers.unknown", solver=recipe.solver)
