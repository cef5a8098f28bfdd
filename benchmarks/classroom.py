"""Thirty pupils on one server: how long their drawings and their evidence wait, and whether all see the whole training.

    python -m benchmarks.classroom --seconds 60

Each pupil is a page: while the pen moves (1.2 s a digit) the newest drawing is sent as soon as the last is answered, with one
explanation on the way; when it rests, the evidence and the other models are asked; then the pupil looks at it for two to five
seconds. Meanwhile a training runs, and thirty more connections watch it. All over loopback, the clients in a process of their own.
Writes `results/classroom.json` and `results/classroom.md`.
"""

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import torch
from PIL import Image, ImageDraw

from benchmarks.serving import served
from softreg.runs.environment import capture_environment
from tests.helpers.strokes import STROKES, Point

RESULTS = Path(__file__).parent / "results"
SIDE, PEN = 128, 8  # pixels of the drawing as the page sends it
DRAWING_SECONDS = 1.2
LOOKING_SECONDS = (2.0, 5.0)
MODEL, OTHERS = "handwriting", ("best", "tutorial")
EPOCHS = 30
BOUNDS = {"drawing_p95_ms": 250, "evidence_p95_ms": 1000, "refused": 0, "missed_steps": 0}


def drawing(strokes: list[list[Point]], share: float) -> bytes:
    """A drawing of which a share is done: the BMP that the page sends."""
    image = Image.new("L", (SIDE, SIDE), 255)
    canvas = ImageDraw.Draw(image)
    left = math.ceil(share * sum(map(len, strokes)))
    for stroke in strokes:
        dots = [(SIDE * x, SIDE * y) for x, y in stroke[: max(left, 0)]]
        left -= len(stroke)
        if dots:
            canvas.line(dots, fill=0, width=PEN, joint="curve")
            for x, y in dots:
                canvas.ellipse((x - PEN / 2, y - PEN / 2, x + PEN / 2, y + PEN / 2), fill=0)
    file = BytesIO()
    image.save(file, "BMP")
    return file.getvalue()


STEPS = 24  # of a digit, drawn before the clock runs
FRAMES = {name: [drawing(strokes, (n + 1) / STEPS) for n in range(STEPS)] for name, strokes in STROKES.items()}


@dataclass
class Record:
    """What all pupils saw: seconds by kind of request, statuses, and the digits that were read once they were done."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"drawing": [], "evidence": [], "comparison": []})
    statuses: Counter[int] = field(default_factory=Counter)
    right: Counter[bool] = field(default_factory=Counter)


class Client:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    def send(self, method: str, target: str, body: bytes, kind: str) -> None:
        """A request."""
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}"
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost:{self.port}\r\n{about}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "image/bmp") -> tuple[int, Any]:
        """Status and JSON of the response."""
        self.send(method, target, body, kind)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        return int(head.split()[1]), json.loads(await self.reader.readexactly(length))


async def timed(client: Client, record: Record, kind: str, target: str, body: bytes) -> Any:
    """Ask, and note how long it took."""
    began = perf_counter()
    status, answer = await client.ask("POST", target, body)
    record.seconds[kind].append(perf_counter() - began)
    record.statuses[status] += 1
    return answer


async def pupil(url: str, number: int, until: float, record: Record) -> None:
    """Draw digit after digit. The second connection is for evidence, as a browser opens several."""
    rng = random.Random(number)
    pen, why = Client(url), Client(url)
    await asyncio.gather(pen.open(), why.open())
    await asyncio.sleep(rng.uniform(0, LOOKING_SECONDS[1]))
    predict, explain = f"/predict?model={MODEL}", f"/predict?model={MODEL}&include=stages,evidence"
    while perf_counter() < until:
        name = rng.choice(list(FRAMES))
        began, on_the_way = perf_counter(), None
        while (share := (perf_counter() - began) / DRAWING_SECONDS) < 1:
            frame = FRAMES[name][int(share * STEPS)]
            await timed(pen, record, "drawing", predict, frame)
            if share > 0.5 and on_the_way is None:
                on_the_way = asyncio.create_task(timed(why, record, "evidence", explain, frame))
            await asyncio.sleep(0.008)  # a pen reports some 120 times a second
        done = FRAMES[name][-1]
        answer = await timed(pen, record, "drawing", predict, done)
        record.right[answer["predictions"][0]["label"] == name] += 1
        if on_the_way is not None:
            await on_the_way
        await timed(why, record, "evidence", explain, done)
        for other in OTHERS:
            await timed(pen, record, "comparison", f"/predict?model={other}", done)
        await asyncio.sleep(rng.uniform(*LOOKING_SECONDS))


async def watcher(url: str) -> int:
    """Watch a training to its end; how many of its steps were missed."""
    client = Client(url)
    await client.open()
    client.send("GET", "/training/events", b"", "text/plain")
    seen: set[int] = set()
    async for line in client.reader:
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        seen |= {event["from"] + n for n in range(len(event["steps"]))}
        if event["status"] == "ended" and seen:
            break
    client.writer.close()
    return EPOCHS - len(seen)


async def lesson(url: str, pupils: int, seconds: float) -> dict[str, Any]:
    """The whole class for a while; what it saw."""
    record, until = Record(), perf_counter() + seconds
    teacher = Client(url)
    await teacher.open()
    drawing_pupils = [asyncio.create_task(pupil(url, number, until, record)) for number in range(pupils)]
    watchers = [asyncio.create_task(watcher(url)) for _ in range(pupils)]
    await asyncio.sleep(seconds / 4)
    status, _ = await teacher.ask("POST", "/training", json.dumps({"epochs": EPOCHS}).encode(), "application/json")
    assert status == 202, status
    missed = await asyncio.gather(*watchers)
    await asyncio.gather(*drawing_pupils)
    return {"missed_steps": sum(missed), **summary(record)}


def summary(record: Record) -> dict[str, Any]:
    """Percentiles in milliseconds, and counts."""
    numbers: dict[str, Any] = {"answers": {kind: len(times) for kind, times in record.seconds.items()}}
    for kind, times in record.seconds.items():
        ordered = sorted(times)
        for percentile in (50, 95, 99):
            at = ordered[min(len(ordered) - 1, math.ceil(percentile / 100 * len(ordered)) - 1)]
            numbers[f"{kind}_p{percentile}_ms"] = round(1000 * at, 1)
    statuses = {str(status): count for status, count in record.statuses.items()}
    refused = sum(count for status, count in record.statuses.items() if status != 200)
    return {**numbers, "statuses": statuses, "refused": refused, "digits": record.right.total(), "right": record.right[True]}


def table(results: dict[str, Any]) -> str:
    """What results/classroom.md says."""
    environment = results["environment"]
    lines = [
        "# A class on one server",
        "",
        f"{environment['processor']}, {environment['cores']} cores for all, torch {environment['libraries']['torch']}: "
        f"{results['pupils']} pupils draw for {results['seconds']} s with the model `{MODEL}` while as many connections watch "
        f"a training of {EPOCHS} epochs. Processes waiting for a core before: {results['load_before']}.",
        "",
        "| | p50 (ms) | p95 (ms) | p99 (ms) | answers |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, name in (("drawing", "drawing"), ("evidence", "evidence and stages"), ("comparison", "other models")):
        times = " | ".join(f"{results[f'{kind}_p{percentile}_ms']:.0f}" for percentile in (50, 95, 99))
        lines.append(f"| {name} | {times} | {results['answers'][kind]:,} |")
    lines += [
        "",
        f"Refused: {results['refused']}. Steps of the training missed by {results['pupils']} watchers: {results['missed_steps']}. "
        f"Digits read right: {results['right']} of {results['digits']}. "
        f"The server used {results['server_cpu_seconds']} s of processor time, start and training included.",
    ]
    held = [f"{name} {results[name]:g} (at most {bound})" for name, bound in BOUNDS.items() if results[name] > bound]
    return "\n".join(lines) + "\n" + ("\nBeyond its bound: " + ", ".join(held) + ".\n" if held else "")


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), cores=None) as (process, url):
        numbers = asyncio.run(lesson(url, given.pupils, given.seconds))
        used = process.cpu_times()
    environment = capture_environment(torch.device("cpu"))
    results = {"environment": environment, "pupils": given.pupils, "seconds": given.seconds, "bounds": BOUNDS, **numbers}
    results["load_before"] = round(load, 1)
    results["server_cpu_seconds"] = round(used.user + used.system, 1)
    (RESULTS / "classroom.json").write_text(json.dumps(results, indent=2) + "\n")
    (RESULTS / "classroom.md").write_text(table(results))
    sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
