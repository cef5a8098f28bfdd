"""Counts recorded as suites finish, and docs/torture.md written from them."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torture.count import Count
from torture.suites import SUITES

ROOT = Path(__file__).parent.parent
COUNTS, REPORT = ROOT / ".torture" / "counts.jsonl", ROOT / "docs" / "torture.md"
HAND_WRITTEN = "<!-- Written by hand from here on. -->"
MAXIMA = (
    "slowest, s",
    "memory, MiB",
    "environments",
    "ranks",
)  # details of which the maximum over all shares is reported, not the sum
HEAD = """\
# Torture

Written by `make torture`, which runs all of it; `make test` runs a representative part. Failures must be 0: every input is
read, or refused with one of softreg's own errors, within 2 s; memory grows by less than 64 MiB; nothing is lost or torn.

{days}, on {machines}.

| suite | what | done | failures | of which | seconds |
| --- | --- | --- | --- | --- | --- |
"""


def record(suite: str, count: Count, seconds: float, share: str) -> None:
    """Append the count to the log, and print it."""
    line = {
        "suite": suite,
        "share": share,
        "seconds": round(seconds, 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": _machine(),
    }
    COUNTS.parent.mkdir(exist_ok=True)
    with COUNTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | asdict(count), ensure_ascii=False) + "\n")
    summary = f"  {count.done:,} in {seconds:.0f} s, {len(count.failures)} failures {count.details}"
    print(summary, *count.failures[:10], sep="\n    ", flush=True)


def _machine() -> str:
    import torch

    from softreg.runs.environment import capture_environment

    environment = capture_environment(torch.device("cpu"))
    versions = f"Python {environment['python']}, torch {environment['libraries']['torch']}"
    return f"{environment['processor']}, {environment['cores']} cores, {platform.system()}, {versions}"


def write_report() -> int:
    """Write docs/torture.md from all counts so far, keeping its hand-written part; 1 if anything failed or is missing."""
    lines = [json.loads(line) for line in COUNTS.read_text(encoding="utf-8").splitlines()]
    days = sorted({line["date"] for line in lines})
    head = HEAD.format(
        days=" to ".join(dict.fromkeys((days[0], days[-1]))), machines="; ".join(sorted({line["machine"] for line in lines}))
    )
    rows, failures, incomplete = [], [], False
    for name, suite in SUITES.items():
        own = [line for line in lines if line["suite"] == name]
        done, seconds = sum(line["done"] for line in own), sum(line["seconds"] for line in own)
        failed = [f"- {name}: {failure}" for line in own for failure in line["failures"]]
        details = "; ".join(f"{key} {value:,}" for key, value in _merged([line["details"] for line in own]).items())
        rows.append(f"| {name} | {suite.description} | {done:,} {suite.unit} | {len(failed)} | {details} | {seconds:,.0f} |\n")
        failures += failed
        incomplete = incomplete or done < suite.target
    listed = "\n".join(["", "Failures:", "", *failures, ""]) if failures else ""
    REPORT.write_text(f"{head}{''.join(rows)}{listed}\n{_hand_written()}", encoding="utf-8")
    return int(bool(failures) or incomplete)


def _hand_written() -> str:
    """The part of the report below the marker."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    return text[text.index(HAND_WRITTEN) :] if HAND_WRITTEN in text else f"{HAND_WRITTEN}\n"


def _merged(details: list[dict[str, Any]]) -> dict[str, Any]:
    """The details of all shares: sums, or maxima."""
    merged: dict[str, Any] = {}
    for share in details:
        for key, value in share.items():
            merged[key] = max(merged.get(key, value), value) if key in MAXIMA else round(merged.get(key, 0) + value, 2)
    return merged
