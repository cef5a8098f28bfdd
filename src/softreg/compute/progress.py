"""Progress of long steps: what works reports it, and whoever called `listen` shows it. Without a listener it costs nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, int, int | None], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Within the block, call `listener(stage, done, total)` with every report of this thread; `total` is None if not known."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(stage: str, done: int = 0, total: int | None = None) -> None:
    """Tell the listener, if there is one, that `done` of `total` parts of `stage` are done."""
    listener = _listener.get()
    if listener:
        listener(stage, done, total)


def track(items: Iterable[T], stage: str, total: int) -> Iterator[T]:
    """The items, reporting their number as they are taken."""
    report(stage, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        report(stage, done, total)
