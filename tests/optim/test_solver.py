"""Solver states as named tensors: the names in checkpoints stay, whatever the fields are called."""

import pytest
import torch

from softreg.optim.solvers.lbfgs import LBFGSState
from softreg.optim.solvers.newton_type import NewtonTypeState
from softreg.optim.solvers.sgd import SGDState


def test_the_names_in_checkpoints_are_those_of_format_1() -> None:
    one = torch.ones(1)
    assert set(SGDState(one).to_tensors()) == {"generator"}
    assert set(NewtonTypeState(one, one, one, one).to_tensors()) == {"gradient", "direction", "gap", "anchor"}
    assert set(LBFGSState(one, one, one, one).to_tensors()) == {"gradient", "direction", "gap", "anchor"}
    names = {"gradient", "direction", "gap", "anchor", "steps", "changes"}
    assert set(LBFGSState(one, one, one, one, s_history=one, y_history=one).to_tensors()) == names


def test_a_state_is_what_its_tensors_say() -> None:
    tensors = {name: torch.rand(2) for name in ("gradient", "direction", "gap", "anchor", "steps", "changes")}
    state = LBFGSState.from_tensors(tensors)
    assert state.reference_theta is tensors["anchor"]
    assert state.s_history is tensors["steps"]
    assert state.to_tensors() == tensors


@pytest.mark.parametrize("names", [["gradient"], ["gradient", "direction", "gap", "anchor", "generator"]])
def test_missing_and_unknown_tensors_are_refused(names: list[str]) -> None:
    with pytest.raises((LookupError, TypeError)):
        LBFGSState.from_tensors({name: torch.ones(1) for name in names})
