"""Linear probes on embeddings: SoftmaxClassifier, scikit-learn's lbfgs and torch.optim.LBFGS, in turn, on the same float32 rows.

    python -m benchmarks.probes [--size 100000 512 100] [--goal 1e-6] [--cpu-seconds] [--only NAME ...] [--times K]

The rows are made here: class means and noise, both with a spectrum that falls as k^-0.6, turned by a random rotation and shifted,
as embeddings of a trained network are; the penalty is l2 = 1e-5 per row. The true gap of every answer is computed in float64 from
the smallest lower bound, softreg's proof at a tenth of the goal. A peer runs with falling tolerances until its gap is at most the
goal; the last run counts. For sizes that take hours, `--times K` stops each peer after K times as long as softreg took: the row
then says how far above the minimum it was. "scikit-learn lbfgs on torch" is the same on torch tensors, and needs SCIPY_ARRAY_API=1
in the environment. Writes `results/probes.json` and `.md`, row by row, beside what is there of other sizes.

    python -m benchmarks.probes --size 20000 2048 1000 --times 5 --only softreg torch.optim.LBFGS
"""

import argparse
import json
import math
import resource
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.linear_model import LogisticRegression

from benchmarks import probe_peers
from benchmarks.torch_lbfgs import Clock
from benchmarks.torch_lbfgs import torch_lbfgs as lbfgs_of_torch
from softreg.estimator import SoftmaxClassifier
from softreg.runs.environment import capture_environment

L2, DECAY, APART = 1e-5, -0.6, 0.5
RESULTS = Path(__file__).parent / "results"
Array = NDArray[Any]
Answer = tuple[Array, Array]  # weights (C, D) and bias (C,)
FEW = 5  # iterations that tell how long one takes
FINE, NEARLY = (1e-6, 1e-8), 0.8  # tolerances of peers with a limit; of that, after which none is tried again
STOPPABLE = ("scikit-learn lbfgs", "scikit-learn lbfgs on torch", "torch.optim.LBFGS")
BLOCK = 10_000  # rows whose objective is computed at a time


def embeddings(n: int, d: int, c: int, seed: int = 0, noise_seed: int | None = None) -> tuple[Array, Array]:
    """Rows (n, d), float32, and labels (n,) of c classes; with another `noise_seed` others of the same classes."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, d + 1, dtype=np.float32) ** DECAY
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0].astype(np.float32)
    means = rng.normal(size=(c, d)).astype(np.float32) * spectrum * APART
    rng = rng if noise_seed is None else np.random.default_rng([seed, noise_seed])
    y = rng.integers(0, c, n)
    x = rng.standard_normal((n, d), dtype=np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, start + BLOCK)
        x[part] = (means[y[part]] + x[part] * spectrum) @ rotation + np.float32(0.3)
    return x, y


def value(x: Array, y: Array, answer: Answer) -> float:
    """Mean cross-entropy plus 1/2 l2 ||W||^2, in float64."""
    weight, bias = (part.astype(np.float64) for part in answer)
    total = 0.0
    for start in range(0, len(x), BLOCK):
        rows, labels = x[start : start + BLOCK].astype(np.float64), y[start : start + BLOCK]
        total -= float(log_softmax(rows @ weight.T + bias, axis=1)[np.arange(len(labels)), labels].sum())
    return total / len(x) + 0.5 * L2 * float((weight**2).sum())


def softreg(x: Array, y: Array, tol: float) -> Answer:
    """softreg's own."""
    fitted = SoftmaxClassifier(l2=L2, tol=tol).fit(x, y)
    return fitted.coef_, fitted.intercept_


def sklearn(
    x: Array, y: Array, tol: float, limit: float = math.inf, clock: Clock = time.perf_counter, tensors: bool = False
) -> Answer:
    """scikit-learn's lbfgs, on arrays or tensors; with a limit, as many iterations as take so many seconds, judged by five."""
    rows, labels = (torch.from_numpy(x), torch.from_numpy(y)) if tensors else (x, y)

    def fit(max_iter: int) -> LogisticRegression:
        with config_context(array_api_dispatch=tensors):
            return LogisticRegression(C=1 / (len(x) * L2), tol=tol, max_iter=max_iter).fit(rows, labels)

    iterations = 5000
    if limit < math.inf:
        began = clock()
        fit(FEW)
        iterations = max(1, round(FEW * limit / (clock() - began)))
    fitted = fit(iterations)
    return np.asarray(fitted.coef_), np.asarray(fitted.intercept_)


def torch_lbfgs(x: Array, y: Array, tol: float, limit: float = math.inf, clock: Clock = time.perf_counter) -> Answer:
    """torch.optim.LBFGS; after `limit` seconds, where its objective was lowest."""
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    weight, bias = lbfgs_of_torch(rows, labels, int(y.max()) + 1, L2, tol=tol, limit=limit, clock=clock)
    return weight.numpy(), bias.numpy()


PLAYERS: dict[str, tuple[Callable[..., Answer], tuple[float, ...]]] = {
    "softreg": (softreg, ()),
    "scikit-learn lbfgs": (sklearn, (1e-4, 1e-5, 1e-6)),
    "scikit-learn lbfgs on torch": (partial(sklearn, tensors=True), (1e-4, 1e-5, 1e-6)),
    "torch.optim.LBFGS": (torch_lbfgs, (1e-4, 1e-5, 1e-6)),
    "mlpack": (partial(probe_peers.mlpack, l2=L2), (0.0,)),
    "adelie": (partial(probe_peers.adelie, l2=L2), (1e-4,)),
    "rlaopt": (partial(probe_peers.rlaopt, l2=L2), (1e-4,)),
}
INSTALLED = ("softreg", "scikit-learn lbfgs", "torch.optim.LBFGS")  # the others: benchmarks/probe_peers.py says how


def table(runs: list[dict[str, Any]]) -> str:
    """What results/probes.md says, of one run per size."""
    lines = [f"# Linear probes, float32, l2 = {L2:g}", "", "Peak memory is that of the process up to then, the rows included.", ""]
    for run in runs:
        n, d, c = run["size"]
        environment = run["environment"]
        lines += [f"## {n:,} x {d} x {c}, to a true gap of {run['goal']:g}", ""]
        torch_version = environment["libraries"]["torch"]
        lines += [f"{environment['processor']}, torch {torch_version}, {run['clock']}, threads: {run['threads']}.", ""]
        lines.append("| solver | tol | seconds | true gap | times as long as softreg | peak, MiB |")
        lines.append("| --- | --- | --- | --- | --- | --- |")
        ours = next((row["seconds"] for row in run["rows"] if row["name"] == "softreg"), float("nan"))
        for row in run["rows"]:
            ratio = f"{row['seconds'] / ours:.1f}"
            if "times" in run and row["gap"] > run["goal"]:
                ratio = f"not reached in {ratio}x"
            cells = row["name"], f"{row['tol']:g}", f"{row['seconds']:.1f}", f"{row['gap']:.1e}", ratio, f"{row['peak_mib']:.0f}"
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def write(run: dict[str, Any]) -> None:
    """Put a run in its place among those of other sizes."""
    path = RESULTS / "probes.json"
    others = [other for other in json.loads(path.read_text()) if other["size"] != run["size"]] if path.exists() else []
    runs = sorted([*others, run], key=lambda run: run["size"])
    path.write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "probes.md").write_text(table(runs))


def main() -> None:
    """Run the contests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, default=(100_000, 512, 100), metavar=("N", "D", "C"))
    parser.add_argument("--goal", type=float, default=1e-6)
    parser.add_argument("--only", nargs="*", default=INSTALLED, choices=PLAYERS, metavar="NAME")
    parser.add_argument("--cpu-seconds", action="store_true", help="one thread each, and its CPU seconds instead of those elapsed")
    parser.add_argument(
        "--times", type=float, metavar="K", help="stop every peer after K times as long as softreg, the first, took"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu_seconds else time.perf_counter
    if options.cpu_seconds:
        torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    softreg(*embeddings(20_000, 200, 50), tol=1e-3)  # imports
    torch_lbfgs(*embeddings(2_000, 20, 5), tol=1e-3)
    x, y = embeddings(*options.size)
    rows: list[dict[str, Any]] = []
    best = limit = float("inf")
    for name in options.only:
        solve, tolerances = PLAYERS[name]
        if options.times and name in STOPPABLE:
            limit = options.times * rows[0]["seconds"]
            solve, tolerances = partial(solve, limit=limit, clock=clock), FINE
        for tol in tolerances or (options.goal,):
            began = clock()
            answer = solve(x, y, tol=tol)
            seconds, peak = clock() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            if best == float("inf"):
                best = value(x, y, softreg(x, y, options.goal / 10)) - options.goal / 10
            row = {"name": name, "tol": tol, "seconds": seconds, "gap": value(x, y, answer) - best, "peak_mib": peak}
            print(json.dumps(row), flush=True)
            rows.append(row)
            run = {"size": list(options.size), "goal": options.goal, "clock": clock.__name__, "threads": torch.get_num_threads()}
            run |= {"times": options.times} if options.times else {}
            write(run | {"environment": capture_environment(torch.device("cpu")), "rows": rows})
            if row["gap"] <= options.goal or seconds > NEARLY * limit:
                break


if __name__ == "__main__":
    main()
