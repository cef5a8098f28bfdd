"""A server for hours, used as such servers are: mostly predictions, all else now and then, trainings that end or are stopped.

Nothing may pile up, no answer be late, and no answer to the same prediction another than before. After every round a line in
.torture/soak.jsonl says what the server holds, so that a long soak can be watched and plotted.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from random import Random
from typing import Any

import psutil

from torture.connections import Answer, Request
from torture.count import FOLDER
from torture.fuzz import MAX_GROWTH
from torture.predictions import Predictions
from torture.requests import WARM_UP, Requests, ServerResult, check_alive, check_log, once, send, serving, train

HOURS = 3.0
ROUND = 100_000  # requests between two looks at the server
CONNECTIONS = 48  # two classes
DRAWN = 20  # one request in so many is drawn from the OpenAPI document, or damaged; the others are predictions
STRAY = 8  # descriptors and threads that come and go with what is being answered
LOG = FOLDER / "soak.jsonl"
STOPPED = 5  # trainings a round that are stopped while they prepare or soon after


@dataclass(frozen=True)
class Holdings:
    """What a process holds: memory in MiB, file descriptors, threads."""

    memory: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> "Holdings":
        """What `process` holds now."""
        return cls(process.memory_info().rss / 2**20, process.num_fds(), process.num_threads())


class Traffic(Requests):
    """Requests by number: predictions, and between them what `Requests` draws; trainings are stopped by the soak alone."""

    def __init__(self, document: dict[str, Any], port: int, scratch: Path) -> None:
        super().__init__(document, port, scratch)
        self.operations = [operation for operation in self.operations if operation[0] != "/training/stop"]
        self._predictions = Predictions(self.host)

    def make(self, number: int) -> Request:
        """A prediction, or a request of any kind."""
        return super().make(number) if number % DRAWN == 0 else (self._predictions.make(number), True)

    def complaint(self, answer: Answer) -> str:
        """What is wrong with an answer; empty if nothing is."""
        return super().complaint(answer) if answer.number % DRAWN == 0 else self._predictions.complaint(answer)


def soak(numbers: range, folder: Path, hours: float = HOURS) -> tuple[ServerResult, Holdings]:
    """Send the requests with these numbers in rounds, or as many as `hours` allow; the outcome, and what the server holds more
    than after the first round."""
    from softreg.serving.openapi import document

    result, seen, end = ServerResult(), [], time.monotonic() + 3600 * hours
    with serving(folder) as (port, process):
        requests = Traffic(document(), port, folder)
        send(requests, port, numbers[:WARM_UP], result)
        train(requests.host, port)
        for start in range(WARM_UP, len(numbers), ROUND):
            with ThreadPoolExecutor(1) as trainer:
                trainings = trainer.submit(_trainings, requests.host, port, Random(start))
                send(requests, port, numbers[start : start + ROUND], result, CONNECTIONS)
            trainings.result()
            seen.append(Holdings.of(process))
            _record(seen[-1], result)
            if time.monotonic() > end:
                break
        _control(requests.host, port, "/training/stop")  # one of the requests may have started a training, and it would count
        train(requests.host, port)
        seen.append(Holdings.of(process))
        _record(seen[-1], result)
        check_alive(process, result)
    growth = Holdings(*(last - first for first, last in zip(astuple(seen[0]), astuple(seen[-1]), strict=True)))
    result.growth = growth.memory
    if growth.memory > MAX_GROWTH or max(growth.descriptors, growth.threads) > STRAY:
        result.failures.append(f"the server holds more and more: {growth}")
    check_log(folder, result)
    return result, growth


def _record(holdings: Holdings, result: ServerResult) -> None:
    facts = {"time": time.strftime("%X"), "requests": sum(result.statuses.values()), **vars(holdings)}
    facts |= {"slowest": round(result.slowest, 2), "failures": len(result.failures), "last": result.failures[-1:]}
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as log:
        log.write(json.dumps(facts) + "\n")


def _trainings(host: str, port: int, rng: Random) -> None:
    """Start trainings and stop them at any moment, then train one to its end."""
    for _ in range(STOPPED):
        recipe = {"epochs": 200, "features": rng.choice(("pixels", "deskew", "patches"))}
        _control(host, port, "/training", json.dumps(recipe).encode())
        time.sleep(rng.choice((0, 0.01, 0.1, 1)) * rng.random())
        _control(host, port, "/training/stop")
    train(host, port)


def _control(host: str, port: int, path: str, body: bytes = b"") -> None:
    """Start or stop a training; a refusal is an answer, too: one of the requests may have started one."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    status = once(port, head.encode() + body)
    assert status in {200, 202, 409}, f"{path}: {status}"
