"""minimize(): it steps until the solver terminates, or a callback stops it, and goes on from where it was."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import StopMinimization, minimize
from softreg.optim.objective import Objective
from softreg.optim.solver import SolverState, State, Termination, TerminationReason

OBJECTIVE = Objective(DesignMatrix(torch.zeros(2, 3), torch.tensor([0, 1])), 2)
START = torch.zeros(2, 4)


@dataclass(frozen=True)
class Counter:
    """Adds one to theta in each of `total` steps."""

    total: int
    state_type: ClassVar[type[SolverState]] = SolverState

    def start(self, objective: Objective, theta: Tensor) -> State:
        assert objective is OBJECTIVE
        return State(theta, 0, 0.0, None, SolverState())

    def step(self, objective: Objective, state: State) -> State:
        done = state.steps + 1 == self.total
        termination = Termination(TerminationReason.EPOCHS_DONE, {"epochs": self.total}) if done else None
        return replace(state, theta=state.theta + 1, steps=state.steps + 1, termination=termination)


def test_it_steps_until_the_solver_terminates_and_shows_every_state() -> None:
    states: list[State] = []
    last = minimize(Counter(4), OBJECTIVE, START, on_step=states.append)
    assert [state.steps for state in states] == [1, 2, 3, 4]
    assert states[-1] is last
    assert torch.equal(last.theta, START + 4)
    assert last.termination == Termination(TerminationReason.EPOCHS_DONE, {"epochs": 4})


def test_a_callback_stops_it_after_the_step_just_taken() -> None:
    def stop(state: State) -> None:
        if state.steps == 2:
            raise StopMinimization

    last = minimize(Counter(4), OBJECTIVE, START, on_step=stop)
    assert torch.equal(last.theta, START + 2)
    assert last.termination is not None
    assert last.termination.reason is TerminationReason.STOPPED
    assert last.termination.reason.is_early
    assert not last.termination.converged


def test_it_goes_on_from_an_earlier_state() -> None:
    states: list[State] = []
    minimize(Counter(5), OBJECTIVE, START, on_step=states.append)
    later: list[State] = []
    last = minimize(Counter(5), OBJECTIVE, START - 100, resume_from=states[1], on_step=later.append)
    assert [state.steps for state in later] == [3, 4, 5]
    assert torch.equal(last.theta, START + 5)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_ctrl_c_and_errors_are_not_swallowed(error: type[BaseException]) -> None:
    def fail(state: State) -> None:
        raise error

    with pytest.raises(error):
        minimize(Counter(4), OBJECTIVE, START, on_step=fail)
