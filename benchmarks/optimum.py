"""How fast the optimum of softmax regression on MNIST is reached: softreg and each of its peers, alternating, on the same arrays.

    python -m benchmarks.optimum [--rounds 3] [--only NAME ...]     (needs scikit-learn, scikit-learn-intelex and cyanure)
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.optimum --cpu-seconds     (on a machine that others use too)

The time is from arrays in memory (uint8 for softreg, float32 in [0, 1] for the peers, made beforehand) to coefficients,
preconditioner included; the same two cores, the same penalty, a free bias. The objective of every answer is evaluated here, in
float64, by a plain numpy function. A peer competes with softreg's solver for the smallest goal both reach. Claimed:

- a gap of 1.5e-5 at least 10 times faster than the best of scikit-learn's solvers;
- a gap of 1e-6 at least 15 times faster than the best of scikit-learn's solvers, and at least 4 times faster than the best of
  scikit-learn-intelex and Cyanure.

Writes `results/optimum.json`, peer by peer, and `results/optimum.md` of all that is there.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.torch_lbfgs import torch_lbfgs as lbfgs_of_torch
from softreg.data.load import load_dataset
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.optim.solvers.newton_type import NewtonTypeSolver
from softreg.runs.environment import capture_environment

L2, OPTIMUM = 1e-4, 0.2592482943
GOALS = {1.5e-5: 1e-5, 1e-6: 6e-7}  # a gap to reach, and softreg's tolerance for it
RESULTS = Path(__file__).parent / "results"
Array = NDArray[Any]
Answer = tuple[Array, Array]  # weights (C, D) and bias (C,)


def objective(x: Array, y: Array, answer: Answer) -> float:
    """Mean cross-entropy plus 1/2 l2 ||W||^2, in float64, of x (N, D) and y (N,)."""
    weight, bias = (part.astype(np.float64) for part in answer)
    logits = x.astype(np.float64) @ weight.T + bias
    largest = logits.max(axis=1)
    losses = np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest - logits[np.arange(len(y)), y]
    return float(losses.mean() + 0.5 * L2 * (weight**2).sum())


@torch.no_grad()
def softreg(solver: NewtonTypeSolver, images: torch.Tensor, labels: torch.Tensor) -> Answer:
    """softreg's own, on uint8 images (N, D), wherever they are."""
    problem = Objective(DesignMatrix(images, labels, scale=1 / 255), 10, L2)
    theta = minimize(solver, problem, torch.zeros(10, images.shape[1] + 1, device=images.device)).theta.cpu().numpy()
    return theta[:, :-1], theta[:, -1]


def sklearn(x: Array, y: Array, **settings: Any) -> Answer:
    """scikit-learn's LogisticRegression."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1 / (len(x) * L2), **settings).fit(x, y)
    return fitted.coef_, fitted.intercept_


def intelex(x: Array, y: Array, **settings: Any) -> Answer:
    """scikit-learn-intelex's LogisticRegression."""
    from sklearnex.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1 / (len(x) * L2), **settings).fit(x, y)
    return fitted.coef_, fitted.intercept_


def cyanure(x: Array, y: Array, tol: float) -> Answer:
    """Cyanure, whose penalty counts as ours and whose bias is free."""
    from cyanure.estimators import Classifier

    settings = {"loss": "multiclass-logistic", "penalty": "l2", "lambda_1": L2, "fit_intercept": True, "verbose": False}
    fitted = Classifier(**settings, tol=tol, max_iter=500, duality_gap_interval=5).fit(x, y)
    weight = np.asarray(fitted.coef_)
    return (weight if len(weight) == 10 else weight.T), np.asarray(fitted.intercept_).reshape(-1)


def torch_lbfgs(x: Array, y: Array, iterations: int) -> Answer:
    """torch.optim.LBFGS with its strong Wolfe line search."""
    weight, bias = lbfgs_of_torch(torch.from_numpy(x), torch.from_numpy(y), 10, L2, tol=1e-7, iterations=iterations)
    return weight.numpy(), bias.numpy()


PEERS: dict[str, Callable[[Array, Array], Answer]] = {
    "scikit-learn newton-cg": lambda x, y: sklearn(x, y, solver="newton-cg"),
    "scikit-learn newton-cg, tol 1e-5": lambda x, y: sklearn(x, y, solver="newton-cg", tol=1e-5),
    "scikit-learn lbfgs, tol 1e-4": lambda x, y: sklearn(x, y, solver="lbfgs", max_iter=5000),
    "scikit-learn lbfgs, tol 1e-5": lambda x, y: sklearn(x, y, solver="lbfgs", max_iter=5000, tol=1e-5),
    "scikit-learn sag": lambda x, y: sklearn(x, y, solver="sag", max_iter=100),
    "scikit-learn newton-cholesky": lambda x, y: sklearn(x, y, solver="newton-cholesky"),
    "scikit-learn-intelex lbfgs": lambda x, y: intelex(x, y, solver="lbfgs", max_iter=5000),
    "Cyanure, tol 2e-5": lambda x, y: cyanure(x, y, 2e-5),
    "Cyanure, tol 2e-6": lambda x, y: cyanure(x, y, 2e-6),
    "torch.optim.LBFGS, 100 iterations": lambda x, y: torch_lbfgs(x, y, 100),
    "torch.optim.LBFGS, 300 iterations": lambda x, y: torch_lbfgs(x, y, 300),
}


def contest(name: str, rounds: int, images: torch.Tensor, labels: torch.Tensor, clock: Callable[[], float]) -> dict[str, Any]:
    """One peer and softreg's solvers, in turn, timed by `clock`."""
    x, y = (images.float() / 255).numpy(), labels.numpy()
    PEERS[name](x[:500], y[:500])  # imports, thread pools
    players: dict[str, Callable[[], Answer]] = {"peer": lambda: PEERS[name](x, y)}
    for goal, tol in GOALS.items():
        players[f"lbfgs {goal:g}"] = lambda tol=tol: softreg(LBFGS(tol, 500), images, labels)  # type: ignore[misc]
    players["newton 1e-06"] = lambda: softreg(Newton(GOALS[1e-6], 500), images, labels)
    seconds: dict[str, list[float]] = {player: [] for player in players}
    gaps: dict[str, float] = {}
    for _ in range(rounds):
        for player, solve in players.items():
            began = clock()
            answer = solve()
            seconds[player].append(clock() - began)
            gaps[player] = objective(x, y, answer) - OPTIMUM
            print(f"{name}: {player} {seconds[player][-1]:.2f} s, gap {gaps[player]:.1e}", flush=True)
    return {"peer": name, "clock": clock.__name__, "threads": torch.get_num_threads(), "seconds": seconds, "gaps": gaps}


def table(results: dict[str, Any]) -> str:
    """What results/optimum.md says."""
    environment = results["environment"]
    lines = [
        "# The optimum of softmax regression on MNIST (60,000 x 784, l2 = 1e-4): softreg and its peers",
        "",
        f"{environment['processor']} ({environment['cpu_capability']}), torch {environment['libraries']['torch']}.",
        "Seconds are medians of rounds in which peer and softreg alternate, elapsed or, on a busy machine, of one thread's CPU;",
        f"the gap is to {OPTIMUM}.",
        "",
        "| peer | clock | gap | seconds | softreg lbfgs for the same goal | times faster | softreg newton, gap 1e-6 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["contests"]:
        gap, peer = row["gaps"]["peer"], statistics.median(row["seconds"]["peer"])
        goal = 1e-6 if gap <= 1.15e-6 else 1.5e-5
        ours, newton = (statistics.median(row["seconds"][name]) for name in (f"lbfgs {goal:g}", "newton 1e-06"))
        ours_gap = row["gaps"][f"lbfgs {goal:g}"]
        clock = f"{'CPU' if row['clock'] == 'process_time' else 'elapsed'}, threads: {row['threads']}"
        cells = row["peer"], clock, f"{gap:.1e}", f"{peer:.2f}", f"{ours:.2f} (gap {ours_gap:.1e})", f"{peer / ours:.1f}"
        lines.append(f"| {' | '.join(cells)} | {newton:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the contests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=PEERS, metavar="NAME")
    parser.add_argument("--cpu-seconds", action="store_true", help="one thread each, and its CPU seconds instead of those elapsed")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_seconds else time.perf_counter
    if options.cpu_seconds:
        torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    train = load_dataset("mnist").train
    path = RESULTS / "optimum.json"
    for name in options.only:
        found = contest(name, options.rounds, train.images.flatten(1), train.labels, clock)
        before = json.loads(path.read_text())["contests"] if path.exists() else []
        rows = sorted([row for row in before if row["peer"] != name] + [found], key=lambda row: list(PEERS).index(row["peer"]))
        results = {"l2": L2, "optimum": OPTIMUM, "environment": capture_environment(torch.device("cpu")), "contests": rows}
        path.write_text(json.dumps(results, indent=2) + "\n")
        (RESULTS / "optimum.md").write_text(table(results))


if __name__ == "__main__":
    main()
