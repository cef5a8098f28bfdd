"""softreg against the lab: the same 15 epochs by softreg's loop and by the lab's DataLoader loop, each in its own process.

    python -m benchmarks.lab --pairs 3

A pair is one run of the lab as a script (the cells of `softreg.lab.lesson` that make up the original lab, without softreg) and one
of `softreg train`, figures included; the order alternates. Claims, on the median of the pairs' ratios:

- the training loop is at least 40 times faster than the lab's;
- the whole process is at least 8 times faster than the lab's;
- the peak memory of the process is at most 900 MiB, as the operating system counts it.

Both must print the same costs (to 2e-6). Writes `lab.json` and `lab.md`; exits with 1 if a claim does not hold.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from softreg.lab.mnist_root import fill_mnist_root
from softreg.lab.steps import read_cells
from softreg.runs.environment import capture_environment

LAB_CELLS = ("device", "seeds", "parameters", "data", "loader", "model", "criterion", "training", "evaluation", "sample")
IMPORTS = "import torch\nimport matplotlib.pyplot as plt\nfrom torchvision import datasets, transforms\n"
MIN_LOOP_RATIO, MIN_PROCESS_RATIO, MAX_PEAK_MIB = 40, 8, 900


@dataclass(frozen=True)
class Timing:
    """One process: seconds of its loop and of all of it, its peak memory, the costs it printed."""

    loop_seconds: float
    process_seconds: float
    peak_mib: float
    costs: list[float]


def lab_script() -> str:
    """The lab as a reader would type it; it prints at the end how long its loop took."""
    cells = read_cells()
    by_softreg = ("from softreg", "fill_mnist_root")  # done before the measurement
    cells["data"] = "\n".join(line for line in cells["data"].splitlines() if not line.startswith(by_softreg))
    return "\n".join([IMPORTS, *(cells[name] for name in LAB_CELLS), 'print("LOOP", lab_seconds)'])


def run(arguments: list[str], folder: Path) -> tuple[str, float, float]:
    """The output of a process, its seconds from start to end, and its peak memory in MiB."""
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(arguments, cwd=folder, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{arguments} exited with {process.returncode}")
        output.seek(0)
        return output.read(), seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def time_lab(folder: Path) -> Timing:
    """The lab as a script."""
    text, seconds, peak = run([sys.executable, "-c", lab_script()], folder)
    lines = text.splitlines()
    costs = [float(line.split("=")[1]) for line in lines if line.startswith("Epoch:")]
    return Timing(float(lines[-1].split()[1]), seconds, peak, costs)


def time_softreg(folder: Path) -> Timing:
    """`softreg train`, as a user calls it."""
    text, seconds, peak = run([sys.executable, "-m", "softreg", "train", "--json", "--force", "--out", "run"], folder)
    result = json.loads(text)
    return Timing(result["train_seconds"], seconds, peak, result["cost"])


def compare(pairs: int) -> list[dict[str, Timing]]:
    """The timings of `pairs` pairs; the order within a pair alternates."""
    peers = [("lab", time_lab), ("softreg", time_softreg)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_mnist_root(folder / "MNIST_data")
        timings = []
        for pair in range(pairs):
            timings.append({peer: measure(folder) for peer, measure in peers[:: -1 if pair % 2 else 1]})
            lab, own = timings[-1]["lab"], timings[-1]["softreg"]
            assert max(abs(a - b) for a, b in zip(lab.costs, own.costs, strict=True)) < 2e-6, "not the same training"
            loop = f"{lab.loop_seconds:.1f} / {own.loop_seconds:.2f} s"
            process = f"{lab.process_seconds:.1f} / {own.process_seconds:.1f} s"
            print(f"pair {pair + 1}: loop {loop}, process {process}", file=sys.stderr)
    return timings


def claims(timings: list[dict[str, Timing]]) -> list[dict[str, Any]]:
    """Each claim: what is measured, the number, its bound, and whether it holds."""
    loop = statistics.median(pair["lab"].loop_seconds / pair["softreg"].loop_seconds for pair in timings)
    process = statistics.median(pair["lab"].process_seconds / pair["softreg"].process_seconds for pair in timings)
    peak = max(pair["softreg"].peak_mib for pair in timings)
    rows = [
        ("training loop, times faster than the lab's", loop, f">= {MIN_LOOP_RATIO}", loop >= MIN_LOOP_RATIO),
        ("whole process, times faster than the lab's", process, f">= {MIN_PROCESS_RATIO}", process >= MIN_PROCESS_RATIO),
        ("peak memory of `softreg train`, MiB", peak, f"<= {MAX_PEAK_MIB}", peak <= MAX_PEAK_MIB),
    ]
    return [dict(zip(("claim", "measured", "bound", "holds"), row, strict=True)) for row in rows]


def markdown(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    environment = result["environment"]
    lines = [
        "# softreg against the lab",
        "",
        f"{environment['processor']}, {environment['cores']} cores, torch {environment['libraries']['torch']}.",
        f"Pairs: {len(result['pairs'])}; medians of their ratios, the largest of their peaks.",
        "",
        "| claim | measured | bound | holds |",
        "| --- | --- | --- | --- |",
        *(f"| {c['claim']} | {c['measured']:.1f} | {c['bound']} | {'yes' if c['holds'] else 'NO'} |" for c in result["claims"]),
        "",
        "| pair | lab loop (s) | softreg loop (s) | ratio | lab process (s) | softreg process (s) | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, pair in enumerate(result["pairs"], start=1):
        lab, own = pair["lab"], pair["softreg"]
        cells = []
        for kind in ("loop_seconds", "process_seconds"):
            cells += [f"{lab[kind]:.2f}", f"{own[kind]:.2f}", f"{lab[kind] / own[kind]:.1f}"]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write, and exit with 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    timings = compare(options.pairs)
    claimed = claims(timings)
    pairs = [{peer: asdict(timing) for peer, timing in pair.items()} for pair in timings]
    result = {"schema": 1, "claims": claimed, "pairs": pairs, "environment": capture_environment(torch.device("cpu"))}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "lab.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.out / "lab.md").write_text(page := markdown(result), encoding="utf-8")
    print(page)
    sys.exit(not all(claim["holds"] for claim in claimed))


if __name__ == "__main__":
    main()
