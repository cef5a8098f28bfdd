"""Predictions a second of `softreg serve`, of bare handlers around the same model in uvicorn and Granian, and of mosec.

    python -m benchmarks.throughput --seconds 8 --rounds 3    # needs wrk, taskset and the extra peers

Each server on the first core, wrk on the second: 64 keep-alive clients send one PNG of 28 x 28. The servers take turns; of each the
median of its rounds counts. Writes `results/throughput.json` and `results/throughput.md`.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch

from benchmarks.serving import picture_of, served, wrk
from softreg.runs.environment import capture_environment

RESULTS = Path(__file__).parent / "results"
CLIENTS = 64
MODELS = {"tutorial": "pixels", "best": "best"}
TARGETS = {"tutorial": 8000, "best": 2000}  # predictions a second
BARE = "benchmarks.bare_server:app"


def commands(port: int) -> dict[str, list[str]]:
    """How each peer is started."""
    return {
        "uvicorn": ["uvicorn", BARE, "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"],
        "granian": ["granian", "--interface", "asginl", BARE, "--port", str(port), "--workers", "1", "--no-access-log"],
        "mosec": ["benchmarks.bare_server", "--port", str(port), "--timeout", "10000"],
    }


@contextmanager
def running(peer: str, model: str) -> Iterator[tuple[psutil.Process, str]]:
    """A peer on the first core, ready, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["taskset", "-c", "0", sys.executable, "-m", *commands(port)[peer]]
    environment = os.environ | {"MODEL": model, "OMP_NUM_THREADS": "1"}
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        path = "inference?" if peer == "mosec" else ""
        yield psutil.Process(process.pid), f"http://127.0.0.1:{port}/{path}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes], patience: float = 60) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + patience
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r}: does not listen")


def measure(server: str, model: str, seconds: int, folder: Path) -> dict[str, Any]:
    """One round of one server, and its answers for a second of processor time, which count where others compute too."""
    with served(folder, cores="0") if server == "softreg" else running(server, model) as (process, url):
        wrk(url, model, CLIENTS, 1, folder)
        before = processor_seconds(process)
        run = wrk(url, model, CLIENTS, seconds, folder)
        return run | {"per_cpu_second": sum(run["statuses"].values()) / (processor_seconds(process) - before)}


def processor_seconds(process: psutil.Process) -> float:
    """Of a process and those that it started."""
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return float(sum(time.user + time.system for time in times))


def contest(model: str, servers: list[str], seconds: int, rounds: int) -> list[dict[str, Any]]:
    """The servers by turns."""
    runs: dict[str, list[dict[str, Any]]] = {server: [] for server in servers}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture_of(folder)
        for _ in range(rounds):
            for server in servers:
                runs[server].append(measure(server, model, seconds, folder))
    return [
        {
            "model": model,
            "server": server,
            "predictions_per_second": median(run["predictions_per_second"] for run in done),
            "per_cpu_second": round(median(run["per_cpu_second"] for run in done)),
            "p50_ms": median(run["latency_ms"]["p50"] for run in done),
            "p99_ms": median(run["latency_ms"].get("p99", inf) for run in done),
            "not_200": sum(count for run in done for status, count in run["statuses"].items() if status != "200"),
        }
        for server, done in runs.items()
    ]


def table(results: dict[str, Any]) -> str:
    """What results/throughput.md says."""
    environment = results["environment"]
    lines = [
        "# Predictions a second on one core",
        "",
        f"{environment['processor']}, torch {environment['libraries']['torch']}; {CLIENTS} keep-alive clients on another core, "
        f"one PNG of 28 x 28 a request, {results['seconds']} s a round, medians of {results['rounds']} rounds by turns. "
        f"Processes waiting for a core before: {results['load_before']}.",
        "",
        "| model | server | predictions/s | answers per s of processor time | p50 (ms) | p99 (ms) | other than 200 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["contests"]:
        rates = f"{row['predictions_per_second']:,.0f} | {row['per_cpu_second']:,}"
        numbers = f"{rates} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['not_200']}"
        lines.append(f"| {MODELS[row['model']]} | {row['server']} | {numbers} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", nargs="+", default=["softreg", *commands(0)])
    given = parser.parse_args()
    load = round(os.getloadavg()[0], 1)
    contests = [row for model in MODELS for row in contest(model, given.servers, given.seconds, given.rounds)]
    environment = capture_environment(torch.device("cpu"))
    results = {
        "environment": environment,
        "load_before": load,
        "seconds": given.seconds,
        "rounds": given.rounds,
        "targets": TARGETS,
        "contests": contests,
    }
    (RESULTS / "throughput.json").write_text(json.dumps(results, indent=2) + "\n")
    (RESULTS / "throughput.md").write_text(table(results))
    sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
