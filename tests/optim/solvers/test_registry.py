"""Every registered solver can be made from a recipe's fields, and the names are known without torch."""

import subprocess
import sys
from dataclasses import asdict, fields

import pytest
import torch

from softreg.errors import SolverError
from softreg.optim.solvers.registry import SOLVERS, make_solver
from softreg.recipe import Recipe


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_is_made_with_its_recipe_fields_alone(name: str) -> None:
    values = asdict(Recipe())
    assert {field.name for field in fields(Recipe)} >= set(SOLVERS[name].parameters)
    state = torch.Generator().get_state()
    solver = make_solver(name, values, None if SOLVERS[name].finds_optimum else state)
    assert {parameter: getattr(solver, parameter) for parameter in SOLVERS[name].parameters} == {
        parameter: values[parameter] for parameter in SOLVERS[name].parameters
    }
    assert solver.total in {values["epochs"], values["max_iterations"]}


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(SolverError, match="adam"):
        make_solver("adam", {})


@pytest.mark.parametrize("module", ["optim.solvers.registry", "features.registry", "data.registry", "recipe"])
def test_the_registries_are_read_without_torch(module: str) -> None:
    script = f"import softreg.{module}, sys; sys.exit(bool({{'torch', 'scipy', 'matplotlib'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
