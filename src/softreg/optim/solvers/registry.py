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
    """What recipe, help and training need to know of a solver.

    Attributes
    ----------
    location : module:class
    parameters : the recipe fields it is constructed with
    finds_optimum : it reaches the one optimum from anywhere, needs l2 > 0, and its gap can be proven; otherwise where it starts and
        the order of the rows decide where it ends, and it is constructed with a `generator_state` as well
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


def make_solver(name: str, values: Mapping[str, Any], generator_state: "Tensor | None" = None) -> "Solver":
    """The solver called `name`, constructed with those of `values` it has a parameter for.

    Raises
    ------
    SolverError
        If there is no such solver.
    """
    if name not in SOLVERS:
        raise SolverError("solvers.unknown", solver=name)
    info = SOLVERS[name]
    module, _, cls = info.location.partition(":")
    arguments = {parameter: values[parameter] for parameter in info.parameters}
    if not info.finds_optimum:
        arguments["generator_state"] = generator_state
    solver: Solver = getattr(import_module(module), cls)(**arguments)
    return solver
