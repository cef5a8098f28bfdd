"""Requests that wait together, give up, overflow or fail."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from softreg.errors import ServingError
from softreg.serving.batching import MicroBatcher


class Slowly:
    """Answers each question with itself, once it is told to; remembers what it was asked."""

    def __init__(self) -> None:
        self.begun, self.go, self.asked = threading.Event(), threading.Event(), list[int]()

    def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.asked += questions
        self.begun.set()
        assert self.go.wait(10)
        return questions


def test_questions_that_wait_together_are_answered_together_in_order() -> None:
    batches: list[list[int]] = []
    gate = threading.Event()

    def answer(questions: Sequence[int]) -> list[int | Exception]:
        gate.wait(10)
        batches.append(list(questions))
        return [ValueError(number) if number == 3 else number * number for number in questions]

    async def ask() -> list[int | BaseException]:
        predictor = MicroBatcher(answer, max_queue=8, max_batch=4)
        predictor.start()
        first = asyncio.create_task(predictor.submit(0))
        await asyncio.sleep(0)
        while predictor.queue_size:
            await asyncio.sleep(0.01)
        rest = [asyncio.create_task(predictor.submit(number)) for number in range(1, 9)]
        await asyncio.sleep(0)
        with pytest.raises(ServingError) as refusal:
            await predictor.submit(9)
        assert refusal.value.status == 503
        rest[4].cancel()  # whoever gives up is not waited for
        gate.set()
        done = await asyncio.gather(first, *rest, return_exceptions=True)
        await predictor.stop()
        return done

    done = asyncio.run(ask())
    assert [answer for answer in done if isinstance(answer, int)] == [0, 1, 4, 16, 36, 49, 64]
    assert isinstance(done[3], ValueError)
    assert [number for batch in batches for number in batch] == [0, 1, 2, 3, 4, 6, 7, 8]
    assert max(map(len, batches)) == 4


def test_a_fault_while_answering_reaches_those_who_wait_and_the_next_is_answered() -> None:
    def answer(questions: Sequence[str]) -> list[str | Exception]:
        if "bad" in questions:
            raise RuntimeError("ours")
        return list(questions)

    async def ask() -> None:
        predictor = MicroBatcher(answer)
        predictor.start()
        with pytest.raises(RuntimeError, match="ours"):
            await predictor.submit("bad")
        assert await predictor.submit("good") == "good"
        await predictor.stop()

    asyncio.run(ask())


def test_whoever_stops_waiting_is_not_answered_and_holds_up_nobody() -> None:
    slowly = Slowly()

    async def ask() -> int:
        predictor = MicroBatcher(slowly, max_batch=1)
        predictor.start()
        asked = [asyncio.create_task(predictor.submit(number)) for number in range(3)]
        assert await asyncio.to_thread(slowly.begun.wait, 10)
        asked[0].cancel()  # while it is being answered
        asked[1].cancel()  # while it waits
        await asyncio.sleep(0)
        slowly.go.set()
        third = await asked[2]
        await predictor.stop()
        return third

    assert asyncio.run(ask()) == 2
    assert slowly.asked == [0, 2]


def test_what_was_accepted_is_answered_before_the_end() -> None:
    slowly = Slowly()

    async def ask() -> list[int]:
        predictor = MicroBatcher(slowly)
        predictor.start()
        asked = [asyncio.create_task(predictor.submit(0))]
        assert await asyncio.to_thread(slowly.begun.wait, 10)
        asked += [asyncio.create_task(predictor.submit(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        ended = asyncio.create_task(predictor.stop())
        while predictor.queue_size < 3:  # two questions and the end
            await asyncio.sleep(0.001)
        slowly.go.set()
        await ended
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [0, 1, 2]


def test_a_slow_question_holds_up_nobody_while_a_thread_is_free_and_all_threads_end() -> None:
    go = threading.Event()

    def answer(questions: Sequence[int]) -> Sequence[int]:
        assert questions != [0] or go.wait(10)
        return questions

    async def ask() -> list[int]:
        predictor = MicroBatcher(answer, max_batch=1, threads=2)
        predictor.start()
        slow = asyncio.create_task(predictor.submit(0))
        done = [await predictor.submit(number) for number in (1, 2, 3)]
        go.set()
        done.append(await slow)
        await predictor.stop()
        return done

    assert asyncio.run(ask()) == [1, 2, 3, 0]
