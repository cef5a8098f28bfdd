"""Thirty pupils on one server: how long their drawings and their evidence wait, and whether all see the whole training.

    python -m benchmarks.classroom --seconds 60    # needs Chromium

Each pupil is a page: it is opened, and while the pen moves (1.2 s a digit) the newest drawing is read as soon as the last is
answered, with one explanation on the way; when the pen rests, evidence and the other models are asked for; then the pupil looks at
it for two to five seconds. Meanwhile a training runs, and thirty more connections watch it. All over loopback, the clients in a
process of their own. Twice: once the server reads all drawings (`--answers server`), once each page reads its own with a copy of
the model (`--answers page`, as in `softreg serve --class`). What a page takes for that is measured in one real page, in Chromium.
Writes `results/classroom.json` and `results/classroom.md`.
"""

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.pupils import MODEL, Client, Record, pupil, real_page, watcher
from benchmarks.serving import served
from softreg.runs.environment import capture_environment

RESULTS = Path(__file__).parent / "results"
EPOCHS = 30
WAYS = ("server", "page")
NAMES = {
    "opening": "opening the page, with its model where it reads itself",
    "drawing": "drawing, read by the server",
    "evidence": "evidence and stages, by the server",
    "comparison": "another model, by the server",
    "page_drawing": "drawing, from the pen to the bars of the page in Chromium",
    "page_evidence": "evidence and stages in that page",
}
BOUNDS = {
    "drawing_p95_ms": 250,
    "page_drawing_p95_ms": 250,
    "evidence_p95_ms": 1000,
    "page_evidence_p95_ms": 1000,
    "refused": 0,
    "missed_steps": 0,
}


async def lesson(url: str, pupils: int, seconds: float, *, computes: bool) -> dict[str, Any]:
    """The whole class for a while; what it saw."""
    record, until = Record(), perf_counter() + seconds
    teacher = Client(url)
    pages = [asyncio.create_task(pupil(url, number, until, record, computes=computes)) for number in range(pupils - 1)]
    real = asyncio.create_task(real_page(url, until))
    watchers = [asyncio.create_task(watcher(url, EPOCHS)) for _ in range(pupils)]
    await asyncio.sleep(seconds / 4)
    status, _ = await teacher.ask("POST", "/training", json.dumps({"epochs": EPOCHS}).encode(), "application/json")
    assert status == 202, status
    missed = await asyncio.gather(*watchers)
    await asyncio.gather(*pages)
    times = record.seconds | {f"page_{kind}": seen for kind, seen in (await real).items()}
    return {"missed_steps": sum(missed), **percentiles(times), **counts(record)}


def percentiles(times: dict[str, list[float]]) -> dict[str, Any]:
    """In milliseconds."""
    numbers: dict[str, Any] = {"answers": {kind: len(seen) for kind, seen in times.items()}}
    for kind, seen in times.items():
        ordered = sorted(seen)
        for percentile in (50, 95, 99):
            at = ordered[min(len(ordered) - 1, math.ceil(percentile / 100 * len(ordered)) - 1)]
            numbers[f"{kind}_p{percentile}_ms"] = round(1000 * at, 1)
    return numbers


def counts(record: Record) -> dict[str, Any]:
    """Statuses, and how many digits were read right."""
    statuses = {str(status): count for status, count in record.statuses.items()}
    refused = sum(count for status, count in record.statuses.items() if status != 200)
    return {"statuses": statuses, "refused": refused, "digits": record.right.total(), "right": record.right[True]}


def measure(answers: str, pupils: int, seconds: float) -> dict[str, Any]:
    """A class in which the server or the pages answer."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), None, "--answers", answers) as (process, url):
        numbers = asyncio.run(lesson(url, pupils, seconds, computes=answers == "page"))
        used = process.cpu_times()
    return numbers | {"server_cpu_seconds": round(used.user + used.system, 1)}


def table(results: dict[str, Any]) -> str:
    """What results/classroom.md says."""
    environment = results["environment"]
    lines = [
        "# A class on one server",
        "",
        f"{environment['processor']}, {environment['cores']} cores for all, torch {environment['libraries']['torch']}: "
        f"{results['pupils']} pupils draw for {results['seconds']} s with the model `{MODEL}` while as many connections watch "
        f"a training of {EPOCHS} epochs. Processes waiting for a core before: {results['load_before']}.",
    ]
    for answers in WAYS:
        lines += ["", *section(answers, results[answers])]
    return "\n".join(lines) + "\n"


def section(answers: str, numbers: dict[str, Any]) -> list[str]:
    """The table of one way."""
    lines = [f"## `--answers {answers}`", "", "| | p50 (ms) | p95 (ms) | p99 (ms) | times |", "| --- | --- | --- | --- | --- |"]
    for kind, name in NAMES.items():
        times = " | ".join(f"{numbers[f'{kind}_p{percentile}_ms']:.0f}" for percentile in (50, 95, 99))
        lines.append(f"| {name} | {times} | {numbers['answers'][kind]:,} |")
    read = f"Digits read right by the server: {numbers['right']} of {numbers['digits']}. " if numbers["digits"] else ""
    held = [f"{name} {numbers[name]:g} (at most {bound})" for name, bound in BOUNDS.items() if numbers[name] > bound]
    told = (
        f"Refused: {numbers['refused']}. Steps of the training missed by all watchers: {numbers['missed_steps']}. {read}"
        f"The server used {numbers['server_cpu_seconds']} s of processor time, start and training included."
    )
    return [*lines, "", told, *(["", "Beyond its bound: " + ", ".join(held) + "."] if held else [])]


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    results: dict[str, Any] = {"pupils": given.pupils, "seconds": given.seconds, "load_before": round(load, 1), "bounds": BOUNDS}
    for answers in WAYS:
        results[answers] = measure(answers, given.pupils, given.seconds)
    results["environment"] = capture_environment(torch.device("cpu"))
    (given.out / "classroom.json").write_text(json.dumps(results, indent=2) + "\n")
    (given.out / "classroom.md").write_text(table(results))
    sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
