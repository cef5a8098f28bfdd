"""The counts, noted as they come, and docs/torture.md made of them."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torture.count import Count
from torture.rooms import ROOMS

ROOT = Path(__file__).parent.parent
COUNTS, REPORT = ROOT / ".torture" / "counts.jsonl", ROOT / "docs" / "torture.md"
HAND = "<!-- From here on by hand. -->"
LARGEST = ("slowest, s", "memory, MiB", "places")  # facts of which shares add nothing up: the largest counts


def note(room: str, count: Count, seconds: float, share: str) -> None:
    """Write the count down, and say it."""
    line = {
        "room": room,
        "share": share,
        "seconds": round(seconds, 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": _machine(),
    }
    COUNTS.parent.mkdir(exist_ok=True)
    with COUNTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | asdict(count), ensure_ascii=False) + "\n")
    print(f"  {count.done:,} in {seconds:.0f} s, {len(count.bad)} bad {count.facts}", *count.bad[:10], sep="\n    ", flush=True)


def _machine() -> str:
    import torch

    from softreg.runs.environment import capture_environment

    where = capture_environment(torch.device("cpu"))
    versions = f"Python {where['python']}, torch {where['libraries']['torch']}"
    return f"{where['processor']}, {where['cores']} cores, {platform.system()}, {versions}"


def write_report() -> int:
    """docs/torture.md from all counts so far; 1 if anything was bad or less than wanted was done, else 0."""
    lines = [json.loads(line) for line in COUNTS.read_text(encoding="utf-8").splitlines()]
    rows, failures, less = [], [], False
    for name, room in ROOMS.items():
        mine = [line for line in lines if line["room"] == name]
        done, bad = sum(line["done"] for line in mine), [f"- {name}: {each}" for line in mine for each in line["bad"]]
        seconds, facts = sum(line["seconds"] for line in mine), _together([line["facts"] for line in mine])
        told = "; ".join(f"{key} {value:,}" for key, value in facts.items())
        rows.append(f"| {name} | {room.says} | {done:,} {room.unit} | {len(bad)} | {told} | {seconds:,.0f} |")
        failures += bad
        less = less or done < room.wanted
    days = sorted({line["date"] for line in lines})
    head = [
        "# Torture",
        "",
        "Written by `make torture`, which runs it all; `make test` runs a representative part. Failures must be 0: every input is",
        "read, or refused with one of softreg's own errors, within 2 s; memory grows by less than 64 MiB; nothing is lost or torn.",
        "",
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}, on {'; '.join(sorted({line['machine'] for line in lines}))}.",
        "",
        "| room | what | done | failures | of which | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    before = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    by_hand = before[before.index(HAND) :] if HAND in before else f"{HAND}\n"
    REPORT.write_text(
        "\n".join([*head, *rows, "", *(["Failures:", "", *failures, ""] if failures else []), by_hand]), encoding="utf-8"
    )
    return int(bool(failures) or less)


def _together(facts: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums over all shares, or the largest."""
    together: dict[str, Any] = {}
    for each in facts:
        for key, value in each.items():
            together[key] = max(together.get(key, value), value) if key in LARGEST else round(together.get(key, 0) + value, 2)
    return together
