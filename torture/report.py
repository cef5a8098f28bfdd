"""Counts recorded as suites finish, and docs/torture.md written from them."""

import json
import platform
import re
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from torture.count import FOLDER, Count
from torture.suites import SUITES

ROOT = Path(__file__).parent.parent
COUNTS, REPORT = FOLDER / "counts.jsonl", ROOT / "docs" / "torture.md"
HAND_WRITTEN = "<!-- Written by hand from here on. -->"
MAXIMA = (
    "slowest, s",
    "memory, MiB",
    "environments",
    "ranks",
)  # details of which the maximum over all shares is reported, not the sum
HEAD = """\
# Torture

Written by `make torture`, which runs all of it, or what is left of it; `make test` runs a representative part. Failures must be
0: every input is read, or refused with one of softreg's own errors, within 2 s; memory grows by less than 64 MiB; nothing is lost
or torn.

{days}, on {machines}.

| suite | what | done | failures | of which | seconds | commit |
| --- | --- | --- | --- | --- | --- | --- |
"""


def record(suite: str, count: Count, seconds: float, share: str) -> None:
    """Append the count to the log, and print it."""
    line = {
        "suite": suite,
        "share": share,
        "target": SUITES[suite].target,
        "code": _code(),
        "commit": _commit(),
        "seconds": round(seconds, 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": _machine(),
    }
    COUNTS.parent.mkdir(exist_ok=True)
    with COUNTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | asdict(count), ensure_ascii=False) + "\n")
    summary = f"  {count.done:,} in {seconds:.0f} s, {len(count.failures)} failures {count.details}"
    print(summary, *count.failures[:10], sep="\n    ", flush=True)


def has_passed(suite: str, share: str) -> bool:
    """Whether this share of the suite has run before with this very code and count, and nothing failed."""
    wanted = {"suite": suite, "share": share, "target": SUITES[suite].target, "code": _code(), "failures": []}
    return any(wanted.items() <= line.items() for line in _lines())


def _lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in COUNTS.read_text(encoding="utf-8").splitlines()] if COUNTS.exists() else []


@cache
def _code() -> str:
    """A hash of the files that decide what a suite finds: softreg's, and the suites'."""
    folders = (ROOT / "src" / "softreg", ROOT / "torture", ROOT / "tests" / "helpers")
    digest = sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _commit() -> str:
    """The commit that is checked out; empty without git."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _machine() -> str:
    import torch

    from softreg.runs.environment import capture_environment

    environment = capture_environment(torch.device("cpu"))
    versions = f"Python {environment['python']}, torch {environment['libraries']['torch']}"
    return f"{environment['processor']}, {environment['cores']} cores, {platform.system()}, {versions}"


def write_report() -> int:
    """Write docs/torture.md from the last counts, keeping the rows of suites that were never run in this checkout and the part
    written by hand; 1 if anything failed or is missing."""
    lines, earlier = _last_of_each(_lines()), REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    rows, failures, incomplete = [], [], False
    for name, suite in SUITES.items():
        own = [line for line in lines if line["suite"] == name]
        if not own and (row := re.search(rf"^\| {name} \|.*\n", earlier, re.MULTILINE)):
            rows.append(row[0])
            incomplete = True
            continue
        done, seconds = sum(line["done"] for line in own), sum(line["seconds"] for line in own)
        failed = [f"- {name}: {failure}" for line in own for failure in line["failures"]]
        details = "; ".join(f"{key} {value:,}" for key, value in _merged([line["details"] for line in own]).items())
        commits = ", ".join(dict.fromkeys(line["commit"] for line in own))
        rows.append(
            f"| {name} | {suite.description} | {done:,} {suite.unit} | {len(failed)} | {details} | {seconds:,.0f} | {commits} |\n"
        )
        failures += failed
        incomplete = incomplete or done < suite.target
    listed = "\n".join(["", "Failures:", "", *failures, ""]) if failures else ""
    REPORT.write_text(f"{_head(lines, earlier)}{''.join(rows)}{listed}\n{_hand_written(earlier)}", encoding="utf-8")
    return int(bool(failures) or incomplete)


def _last_of_each(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that count: of each suite those with the same code and target as its last, and of each share the last."""
    last = {line["suite"]: (line["code"], line["target"]) for line in lines}
    shares = {(line["suite"], line["share"]): line for line in lines if (line["code"], line["target"]) == last[line["suite"]]}
    return list(shares.values())


def _head(lines: list[dict[str, Any]], earlier: str) -> str:
    """The title, and when and where the counts were made: these, and those of the earlier report."""
    known = re.search(r"^(\d{4}-\d\d-\d\d)(?: to (\d{4}-\d\d-\d\d))?, on (.*)\.$", earlier, re.MULTILINE)
    days, machines = {line["date"] for line in lines}, {line["machine"] for line in lines}
    if known:
        days |= {day for day in known.groups()[:2] if day}
        machines |= set(known[3].split("; "))
    return HEAD.format(days=" to ".join(dict.fromkeys((min(days), max(days)))), machines="; ".join(sorted(machines)))


def _hand_written(text: str) -> str:
    """The part of a report below the marker."""
    return text[text.index(HAND_WRITTEN) :] if HAND_WRITTEN in text else f"{HAND_WRITTEN}\n"


def _merged(details: list[dict[str, Any]]) -> dict[str, Any]:
    """The details of all shares: sums, or maxima."""
    merged: dict[str, Any] = {}
    for share in details:
        for key, value in share.items():
            merged[key] = max(merged.get(key, value), value) if key in MAXIMA else round(merged.get(key, 0) + value, 2)
    return merged
