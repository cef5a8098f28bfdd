"""Problems of all sizes but MNIST's: SoftmaxClassifier beside the fastest of scikit-learn's solvers, at the same true gap.

    python -m benchmarks.small_problems [--rounds 5] [--largest 1e8] [--cpu-seconds]

Of every size n x D x C up to `largest` = n D C, made by `make_classification` with C = 1, float32 and float64: each solver of
scikit-learn runs with falling tolerances until its true gap is at most GOAL; the fastest is then timed in turn with
`SoftmaxClassifier(tol=GOAL)`, whose gap is proven. Times are of `fit`, everything imported. True gaps are computed here, in
float64, from the smallest objective that anybody reached. Writes `results/small_problems.json` and `.md`.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from softreg.estimator import SoftmaxClassifier
from softreg.runs.environment import capture_environment

GOAL = 1e-6
ROWS, FEATURES, CLASSES = (100, 1000, 10_000, 100_000), (20, 200, 2000, 8000), (2, 10, 100, 1000)
MIN_PER_CLASS, MAX_NUMEL = 5, 2**24  # rows of a class; numbers in the rows
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-8)
SOLVERS = {"lbfgs": float("inf"), "newton-cg": float("inf"), "newton-cholesky": 1000.0}  # up to so many coefficients
RESULTS = Path(__file__).parent / "results"
Array = NDArray[Any]


def value(x: Array, y: Array, fitted: Any) -> float:
    """The objective per row in float64, of the coefficients as they are."""
    coef, intercept = fitted.coef_.astype(np.float64), fitted.intercept_.astype(np.float64)
    penalty = (coef**2).sum() / 2 / len(y)
    logits = x.astype(np.float64) @ coef.T + intercept
    logits = np.column_stack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits
    return float(-log_softmax(logits, axis=1)[np.arange(len(y)), y].mean() + penalty)


def data(n: int, d: int, c: int, dtype: Any) -> tuple[Array, Array]:
    """n rows of d features and c classes, of which some labels are wrong."""
    informative = min(d, max(5, c.bit_length() + 5))
    settings: dict[str, Any] = {"n_informative": informative, "n_redundant": 0, "n_clusters_per_class": 1, "flip_y": 0.05}
    x, y = make_classification(n, d, n_classes=c, random_state=0, **settings)
    return x.astype(dtype), np.unique(y, return_inverse=True)[1]


def fastest_peer(x: Array, y: Array, best: float, clock: Callable[[], float]) -> tuple[str, float] | None:
    """Solver and tolerance of scikit-learn's that first reach the goal, fastest; None if none does."""
    found: list[tuple[float, str, float]] = []
    for solver, limit in SOLVERS.items():
        if x.shape[1] * len(np.unique(y)) > limit:
            continue
        for tol in TOLERANCES:
            began = clock()
            fitted = LogisticRegression(solver=solver, tol=tol, max_iter=2000).fit(x, y)
            seconds = clock() - began
            if found and seconds > 3 * min(found)[0]:
                break
            if value(x, y, fitted) - best <= GOAL:
                found.append((seconds, solver, tol))
                break
    return min(found)[1:] if found else None


def contest(n: int, d: int, c: int, dtype: Any, rounds: int, clock: Callable[[], float]) -> dict[str, Any]:
    """One size: median seconds and gaps of softreg and its fastest peer, in turn."""
    x, y = data(n, d, c, dtype)
    best = value(x, y, SoftmaxClassifier(tol=1e-9).fit(x.astype(np.float64), y))
    peer = fastest_peer(x, y, best, clock)
    seconds: dict[str, list[float]] = {"softreg": [], "peer": []}
    gaps = {}
    for _ in range(rounds):
        for name, timed in seconds.items():
            estimator: Any = SoftmaxClassifier(tol=GOAL)
            if name == "peer":
                if peer is None:
                    continue
                estimator = LogisticRegression(solver=peer[0], tol=peer[1], max_iter=2000)
            began = clock()
            estimator.fit(x, y)
            timed.append(clock() - began)
            gaps[name] = value(x, y, estimator) - best
        if sum(seconds["softreg"]) > 20:
            break
    row = {"n": n, "d": d, "c": len(np.unique(y)), "dtype": np.dtype(dtype).name, "peer": peer, "gaps": gaps}
    return row | {"seconds": {name: statistics.median(values) for name, values in seconds.items() if values}}


def table(results: dict[str, Any]) -> str:
    """What results/small_problems.md says."""
    environment, rows = results["environment"], results["contests"]
    ratios = [row["seconds"]["peer"] / row["seconds"]["softreg"] for row in rows if "peer" in row["seconds"]]
    lines = [
        f"# SoftmaxClassifier and scikit-learn's fastest solver at a true gap of {GOAL:g}, by size",
        "",
        f"{environment['processor']}, torch {environment['libraries']['torch']}, {results['clock']},",
        f"threads: {results['threads']}.",
        f"{sum(ratio >= 1 for ratio in ratios)} of {len(ratios)} at least as fast; median ratio {statistics.median(ratios):.2f},",
        f"smallest {min(ratios):.2f}. A ratio above 1: softreg is faster.",
        "",
        "| n | D | C | type | peer | its ms | gap | softreg, ms | gap | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        ours, theirs = row["seconds"]["softreg"], row["seconds"].get("peer")
        peer = ["none", "", "", "", ""] if theirs is None else [f"{row['peer'][0]}, {row['peer'][1]:g}", f"{theirs * 1e3:.1f}"]
        peer += [] if theirs is None else [f"{row['gaps']['peer']:.0e}"]
        ratio = "" if theirs is None else f"{theirs / ours:.2f}"
        cells = [
            *map(str, (row["n"], row["d"], row["c"], row["dtype"])),
            *peer[:3],
            f"{ours * 1e3:.1f}",
            f"{row['gaps']['softreg']:.0e}",
        ]
        lines.append(f"| {' | '.join([*cells, ratio])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the contests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=float, default=1e8, help="n D C")
    parser.add_argument("--cpu-seconds", action="store_true", help="one thread each, and its CPU seconds instead of those elapsed")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_seconds else time.perf_counter
    if options.cpu_seconds:
        torch.set_num_threads(1)
        threadpool_limits(1)
    warnings.simplefilter("ignore")
    SoftmaxClassifier(C=1e4, tol=1e-9).fit(*data(5000, 300, 20, np.float32))  # imports
    contests = []
    for n, d, c in product(ROWS, FEATURES, CLASSES):
        if c * MIN_PER_CLASS > n or n * d > MAX_NUMEL or n * d * c > options.largest:
            continue
        for dtype in (np.float32, np.float64):
            contests.append(contest(n, d, c, dtype, options.rounds, clock))
            print(json.dumps(contests[-1]), flush=True)
            results = {"clock": clock.__name__, "threads": torch.get_num_threads(), "contests": contests}
            results["environment"] = capture_environment(torch.device("cpu"))
            (RESULTS / "small_problems.json").write_text(json.dumps(results, indent=1) + "\n")
            (RESULTS / "small_problems.md").write_text(table(results))


if __name__ == "__main__":
    main()
