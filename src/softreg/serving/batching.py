"""Micro-batching: requests that wait together are answered together; when the queue is full, further ones are refused at once.

Threads work, so the event loop stays free to accept and to refuse. Each takes whatever has come in the meantime, up to a batch:
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

MAX_QUEUE = 128  # at 1,500 answers a second the last one waits less than 0.1 s
MAX_BATCH = 32


class MicroBatcher(Generic[Request, Response]):
    """A bounded queue and the threads that empty it.

    Parameters
    ----------
    answer : the responses to a batch of requests, in their order; for a request it refuses, the exception to raise
    max_queue : how many requests may wait
    max_batch : how many are answered at a time
    threads : how many batches are answered at a time
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Request]], Sequence[Response | Exception]],
        *,
        max_queue: int = MAX_QUEUE,
        max_batch: int = MAX_BATCH,
        threads: int = 1,
    ) -> None:
        self._answer = answer
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._queue: queue.SimpleQueue[tuple[Request, Future[Response]] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name="softreg-predict", daemon=True) for _ in range(threads)]

    def start(self) -> None:
        """Start the threads; to be called on the event loop that will submit requests."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    @property
    def queue_size(self) -> int:
        """The number of waiting requests."""
        return self._queue.qsize()

    async def stop(self) -> None:
        """Answer the accepted requests, then end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def submit(self, request: Request) -> Response:
        """The response to a request.

        Raises
        ------
        ServingError
            With status 503, if `max_queue` requests wait already.
        """
        if self._queue.qsize() >= self._max_queue:  # only the event loop adds to it
            raise ServingError("serving.busy", status=503)
        future: Future[Response] = self._loop.create_future()
        self._queue.put((request, future))
        return await future

    def _work(self) -> None:
        while taken := self._take():
            waiting = [(request, future) for request, future in taken if not future.cancelled()]
            if not waiting:
                continue
            try:
                responses: Sequence[Response | Exception] = self._answer([request for request, _ in waiting])
            except Exception as error:  # a fault of ours must reach those who wait, and not end the thread
                responses = [error] * len(waiting)
            self._loop.call_soon_threadsafe(_deliver, [future for _, future in waiting], responses)

    def _take(self) -> list[tuple[Request, Future[Response]]]:
        """Wait for a request, then take those that are waiting too, up to a batch; empty when it is time to end."""
        taken = [self._queue.get()]
        while len(taken) < self._max_batch and taken[-1] is not None:
            try:
                taken.append(self._queue.get_nowait())
            except queue.Empty:
                break
        if taken[-1] is None and len(taken) > 1:
            self._queue.put(None)  # first the requests, then the end
        return [item for item in taken if item is not None]


def _deliver(futures: Sequence[Future[Response]], responses: Sequence[Response | Exception]) -> None:
    for future, response in zip(futures, responses, strict=True):
        if future.done():  # whoever asked has gone
            continue
        if isinstance(response, Exception):
            future.set_exception(response)
        else:
            future.set_result(response)
