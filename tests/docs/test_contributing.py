"""The solver and the feature map that CONTRIBUTING.md shows: complete, registered by one entry, and right."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Generator

from softreg.features.registry import FeatureMapInfo
from softreg.messages import Message
from softreg.optim.minimize import minimize
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.registry import SolverInfo
from tests.helpers.problems import small_objective

CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```python\n# src/(softreg/\S+\.py)[^\n]*\n(.*?)```", CONTRIBUTING, re.DOTALL))


def module(path: str) -> ModuleType:
    """The module that the document puts at `path`."""
    made = ModuleType(path.removesuffix(".py").replace("/", "."))
    exec(BLOCKS[path], vars(made))
    return made


def entry(path: str) -> dict[str, Any]:
    """The registry entry that the document puts into the file `path`."""
    entries: dict[str, Any] = eval(
        f"{{{BLOCKS[path]}}}", {"SolverInfo": SolverInfo, "FeatureMapInfo": FeatureMapInfo, "Message": Message}
    )
    return entries


@pytest.mark.parametrize("registry", ["softreg/optim/solvers/registry.py", "softreg/features/registry.py"])
def test_the_entry_names_the_class_of_the_new_file(registry: str) -> None:
    ((name, info),) = entry(registry).items()
    location, _, cls = info.location.partition(":")
    made = getattr(module(f"{location.replace('.', '/')}.py"), cls)
    assert location.rpartition(".")[0] == registry.rpartition("/")[0].replace("/", ".")
    assert getattr(made, "name", name) == name


def test_the_solver_finds_the_optimum() -> None:
    solver = module("softreg/optim/solvers/gradient_descent.py").GradientDescent(tol=1e-4, max_iterations=2000)
    objective = small_objective()
    start = torch.zeros(3, 5, dtype=torch.float64)
    state = minimize(solver, objective, start)
    assert state.termination is not None
    assert state.termination.converged
    best = objective.value(minimize(LBFGS(1e-10, 500), objective, start).theta)
    assert -1e-9 < objective.value(state.theta) - best < 1e-4


def test_the_feature_map_counts_ink_and_its_attributions_sum_to_the_score() -> None:
    images = torch.randint(0, 256, (5, 28, 28), generator=Generator().manual_seed(0), dtype=torch.uint8)
    profiles = module("softreg/features/profiles.py").Profiles().fit(images, seed=0)
    features = profiles(images)
    assert features.shape == (5, profiles.dim)
    torch.testing.assert_close(features.sum(1), images.float().mean((1, 2)) * 2 * 28 / 255)
    weight = torch.randn(profiles.dim, generator=Generator().manual_seed(1))
    torch.testing.assert_close(profiles.attribute(images, weight).sum((1, 2)), features @ weight)
