"""Requests that wait together are answered together; more than the queue holds are refused at once.

One thread works, so the event loop stays free to accept and to refuse. It takes whatever has come in the meantime, up to a batch:
a lone request waits for nobody, and under load the cost of a call is shared.
"""

import asyncio
import queue
import threading
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from softreg.errors import ServingError

Request = TypeVar("Request")
Response = TypeVar("Response")

WAITING = 128  # questions; at 1,500 answers a second the last one waits less than 0.1 s
BATCH = 32


class MicroBatcher(Generic[Request, Response]):
    """A bounded queue and the thread that empties it.

    Parameters
    ----------
    answer : answers a batch of questions, in their order; for a question it refuses, the exception to raise
    waiting : how many questions may wait
    batch : how many are answered at a time
    """

    def __init__(
        self, answer: Callable[[Sequence[Request]], Sequence[Response | Exception]], *, waiting: int = WAITING, batch: int = BATCH
    ) -> None:
        self._answer = answer
        self._batch = batch
        self._queue: queue.Queue[tuple[Request, Future[Response]] | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="softreg-predict", daemon=True)

    def start(self) -> None:
        """Begin to work; to be called on the event loop that will ask."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return self._queue.qsize()

    async def stop(self) -> None:
        """Answer what was accepted, then end."""
        await asyncio.to_thread(self._queue.put, None)
        await asyncio.to_thread(self._thread.join)

    async def ask(self, question: Request) -> Response:
        """The answer to a question.

        Raises
        ------
        ServingError
            With status 503, if too many are waiting already.
        """
        future: Future[Response] = self._loop.create_future()
        try:
            self._queue.put_nowait((question, future))
        except queue.Full:
            raise ServingError("serving.busy", status=503) from None
        return await future

    def _work(self) -> None:
        while taken := self._take():
            waiting = [(question, future) for question, future in taken if not future.cancelled()]
            if not waiting:
                continue
            try:
                answers: Sequence[Response | Exception] = self._answer([question for question, _ in waiting])
            except Exception as error:  # a fault of ours must reach those who wait, and not end the thread
                answers = [error] * len(waiting)
            self._loop.call_soon_threadsafe(_deliver, [future for _, future in waiting], answers)

    def _take(self) -> list[tuple[Request, Future[Response]]]:
        """Wait for a question, and take with it those that are waiting too; empty when it is time to end."""
        taken = [self._queue.get()]
        while len(taken) < self._batch and taken[-1] is not None:
            try:
                taken.append(self._queue.get_nowait())
            except queue.Empty:
                break
        if taken[-1] is None and len(taken) > 1:
            self._queue.put(None)  # first the questions, then the end
        return [each for each in taken if each is not None]


def _deliver(futures: Sequence[Future[Response]], answers: Sequence[Response | Exception]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():  # whoever asked has gone
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
