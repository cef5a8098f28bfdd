"""Cost against size: the time per image and the peak memory of each solver, as a mapped IDX folder grows.

    python -m benchmarks.deformed 240000 FOLDER/240000      (and the other sizes)
    python -m benchmarks.sizes FOLDER [--sizes 60000 240000 960000] [--solvers sgd lbfgs newton] [--rounds 3]

Each training is a process of its own: sgd six epochs, lbfgs and newton to a gap of 1e-5 at l2 = 1e-4. Its time is that of `fit`,
proof included, its peak what the operating system counts. A step is an epoch, or the shortest iteration: a pass over all images.
Claimed: time per image at most 20 % above that at 60,000 images, peak at most 1.2 GiB, whatever the size. Writes
`results/sizes.json` and `results/sizes.md`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from softreg.runs.environment import capture_environment

RESULTS = Path(__file__).parent / "results"
FIELDS: dict[str, dict[str, object]] = {
    "sgd": {"epochs": 6},
    "lbfgs": {"l2": 1e-4, "tol": 1e-5},
    "newton": {"l2": 1e-4, "tol": 1e-5},
}
ONE = """
import json, sys, time
from softreg.data.load import load_dataset
from softreg.runs.environment import peak_rss_mib
from softreg.recipe import Recipe
from softreg.training.fit import fit
train = load_dataset(sys.argv[1]).train
stamps = []
recipe = Recipe(dataset=sys.argv[1], **json.loads(sys.argv[2]))
fitted = fit(recipe, train, lambda state: stamps.append(time.perf_counter()))
step = min(after - before for before, after in zip(stamps, stamps[1:]))
print(json.dumps({"seconds": fitted.seconds, "steps": len(stamps), "step": step, "peak_mib": peak_rss_mib()}))
"""


def measure(folder: Path, solver: str) -> dict[str, Any]:
    """One training in a process of its own."""
    fields = json.dumps(FIELDS[solver] | {"solver": solver})
    ended = subprocess.run([sys.executable, "-c", ONE, str(folder), fields], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def table(results: dict[str, Any]) -> str:
    """What results/sizes.md says."""
    environment = results["environment"]
    lines = [
        "# Cost against size",
        "",
        f"{environment['processor']}, {environment['threads']} threads, torch {environment['libraries']['torch']}. Medians;",
        "a step is an epoch or the shortest iteration: one pass over all images.",
        "",
        "| solver | images | seconds | steps | microseconds per image | step, microseconds per image | peak, MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["rows"]:
        seconds, step, n = statistics.median(row["seconds"]), statistics.median(row["step"]), row["n"]
        cells = row["solver"], f"{n:,}", f"{seconds:.2f}", row["steps"], f"{seconds / n * 1e6:.1f}", f"{step / n * 1e6:.2f}"
        lines.append(f"| {' | '.join(map(str, cells))} | {max(row['peak_mib']):.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every solver at every size, the sizes in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", nargs="*", type=int, default=[60_000, 240_000, 960_000])
    parser.add_argument("--solvers", nargs="*", choices=FIELDS, default=list(FIELDS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    path = RESULTS / "sizes.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    for solver in options.solvers:
        found: dict[int, list[dict[str, Any]]] = {size: [] for size in options.sizes}
        for _ in range(options.rounds):
            for size in options.sizes:
                found[size].append(measure(options.folder / str(size), solver))
                print(solver, size, found[size][-1], flush=True)
        for size, runs in found.items():
            rows = [row for row in rows if (row["solver"], row["n"]) != (solver, size)]
            columns = {name: [run[name] for run in runs] for name in ("seconds", "step", "peak_mib")}
            rows.append({"solver": solver, "n": size, "steps": runs[0]["steps"]} | columns)
        rows.sort(key=lambda row: (list(FIELDS).index(row["solver"]), row["n"]))
        results = {"environment": capture_environment(torch.device("cpu")), "rows": rows}
        path.write_text(json.dumps(results, indent=2) + "\n")
        (RESULTS / "sizes.md").write_text(table(results))


if __name__ == "__main__":
    main()
