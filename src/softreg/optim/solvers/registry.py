"""The solvers by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from softreg.errors import SolverError

if TYPE_CHECKING:
    from torch import Tensor

    from softreg.optim.solver import Solver


@dataclass(frozen=True)
class SolverInfo:
    """What the recipe, the help and training need to know about a solver.

    Attributes
    ----------
    location : module:class
    parameters : the recipe fields it is constructed with
    finds_optimum : it reaches the unique optimum from any start, needs l2 > 0, and its gap can be proven; otherwise the result
        depends on the start and the order of the rows, and it is constructed with a `generator_state` as well
    unit : what one step is called in a run's figures: epoch or iteration
    """

    location: str
    parameters: tuple[str, ...]
    finds_optimum: bool
    unit: str


SOLVERS = {
    "sgd": SolverInfo("softreg.optim.solvers.sgd:SGD", ("epochs", "batch_size", "lr", "drop_last"), False, "epoch"),
    "lbfgs": SolverInfo("softreg.optim.solvers.lbfgs:LBFGS", ("tol", "max_iterations", "certify"), True, "iteration"),
    "newton": SolverInfo("softreg.optim.solvers.newton:Newton", ("tol", "max_iterations", "certify"), True, "iteration"),
}


def solver_class(name: str) -> "type[Solver]":
    """The class of the solver called `name`.

    Raises
    ------
    SolverError
        If there is no such solver.
    """
    if name not in SOLVERS:
        raise SolverError("solvers.unknown", solver=name)
    module, _, cls = SOLVERS[name].location.partition(":")
    found: type[Solver] = getattr(import_module(module), cls)
    return found


def make_solver(name: str, values: Mapping[str, Any], generator_state: "Tensor | None" = None) -> "Solver":
    """The solver called `name`, constructed with those of `values` that it has parameters for.

    Raises
    ------
    SolverError
        If there is no such solver.
    """
    cls, info = solver_class(name), SOLVERS[name]
    arguments = {parameter: values[parameter] for parameter in info.parameters}
    if not info.finds_optimum:
        arguments["generator_state"] = generator_state
    return cls(**arguments)
