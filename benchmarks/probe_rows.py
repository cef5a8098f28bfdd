"""A linear probe over a file, by the number of its rows: processor time and peak memory of SoftmaxClassifier. Needs Linux.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.probe_rows [--rows N ...] [--size 256 50] [--folder FOLDER]

The rows are float16 embeddings of `benchmarks.probes`, written to a temporary folder and mapped; every fit is a process of its own,
to a proven gap of 1e-6. Writes `results/probe_rows.json` and `.md`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.probes import L2, RESULTS, embeddings

GOAL, BLOCK = 1e-6, 100_000


def write_rows(folder: Path, n: int, d: int, c: int) -> None:
    """The rows, a block at a time, and their labels."""
    rows = np.lib.format.open_memmap(folder / "rows.npy", mode="w+", dtype=np.float16, shape=(n, d))
    labels = np.empty(n, dtype=np.int64)
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        rows[part], labels[part] = embeddings(part.stop - start, d, c, noise_seed=start)
    rows.flush()
    np.save(folder / "labels.npy", labels)


def fit(folder: Path) -> dict[str, Any]:
    """What one fit costs, in this process."""
    import softreg.optim.exact  # noqa: F401 - imports are not measured
    from softreg.estimator import SoftmaxClassifier

    rows, labels = np.load(folder / "rows.npy", mmap_mode="r"), np.load(folder / "labels.npy")
    before, began = peak_mib(), time.process_time()
    fitted = SoftmaxClassifier(l2=L2, tol=GOAL).fit(rows, labels)
    seconds = time.process_time() - began
    return {"rows": len(rows), "iterations": int(fitted.n_iter_[0]), "seconds": seconds, "before": before, "peak": peak_mib()}


def peak_mib() -> float:
    """The peak of this process, in MiB; `getrusage` would count its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def table(results: list[dict[str, Any]], d: int, c: int) -> str:
    """What results/probe_rows.md says."""
    lines = [
        f"# Linear probes over a file, D = {d}, C = {c}, float16, to a proven gap of {GOAL:g}",
        "",
        "| rows | iterations | processor, s | microseconds a row | peak, MiB | of which imports |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in results:
        per_row = 1e6 * row["seconds"] / row["rows"]
        figures = f"{row['iterations']} | {row['seconds']:.1f} | {per_row:.0f} | {row['peak']:.0f} | {row['before']:.0f}"
        lines.append(f"| {row['rows']:,} | {figures} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write, fit, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--size", type=int, nargs=2, default=(256, 50), metavar=("D", "C"))
    parser.add_argument("--folder", help="where the file may be written, some 2 bytes times rows times D")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(fit(Path(options.fit))))
        return
    results = []
    for n in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write_rows(Path(folder), n, *options.size)
            command = [sys.executable, "-m", "benchmarks.probe_rows", "--fit", folder]
            results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(json.dumps(results[-1]), flush=True)
    (RESULTS / "probe_rows.json").write_text(json.dumps({"size": options.size, "fits": results}, indent=1) + "\n")
    (RESULTS / "probe_rows.md").write_text(table(results, *options.size))


if __name__ == "__main__":
    main()
