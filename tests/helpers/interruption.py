"""Callbacks that end a training early."""

from collections.abc import Callable

from softreg.optim.solver import State


class PowerCut(BaseException):
    """What nothing in softreg catches."""


def stop_after(steps: int, error: type[BaseException] = PowerCut) -> Callable[[State], None]:
    """An `on_step` that raises `error` after this many steps."""

    def on_step(state: State) -> None:
        if state.steps == steps:
            raise error

    return on_step
