"""What a GPU does: the lab's table, the optimum, a linear probe of ImageNet's size, presets; torch.optim.LBFGS beside.

    python -m benchmarks.gpu [--only table optimum probe presets] [--size 1280000 2048 1000] [--times 4] [--device cuda]

Each part is run on a small problem first, then timed until the device has finished. The probe's rows are like those of
`benchmarks/probes.py`: class means and noise with a spectrum that falls as k^-0.6, turned and shifted; the penalty is l2 = 1e-5 per
row. softreg starts from rows in the computer's memory, and its seconds include bringing them to the device; torch.optim.LBFGS
finds them there, and is stopped after `--times` as long as softreg took in all. Objectives are computed here, in float64, by a
plain function. Writes `results/gpu.json`, part by part, and `results/gpu.md`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.optimum import GOALS, OPTIMUM, objective, softreg
from benchmarks.optimum import L2 as MNIST_L2
from benchmarks.probes import APART, DECAY, L2
from benchmarks.torch_lbfgs import torch_lbfgs
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.inference.evaluation import evaluate
from softreg.optim.solvers.lbfgs import LBFGS
from softreg.optim.solvers.newton import Newton
from softreg.recipe import Recipe
from softreg.runs.environment import capture_environment, peak_rss_mib
from softreg.training.fit import fit

RESULTS = Path(__file__).parent / "results"
GOAL = 1e-6  # a gap to reach
TOL = GOALS[GOAL]  # softreg's tolerance for it on MNIST
SOLVERS = {"lbfgs": LBFGS, "newton": Newton}
BLOCK = 20_000  # rows made, or judged, at a time
Row = dict[str, Any]


def timed(device: torch.device, work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the seconds until the device has finished."""
    _finish(device)
    began = time.perf_counter()
    result = work()
    _finish(device)
    return result, time.perf_counter() - began


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def value(x: Tensor, y: Tensor, l2: float, weight: Tensor, bias: Tensor) -> float:
    """Mean cross-entropy plus 1/2 l2 ||W||^2, in float64, of rows x (N, D) and labels y (N,)."""
    weight, bias = weight.double(), bias.double()
    total = sum(
        float(torch.nn.functional.cross_entropy(rows.double() @ weight.T + bias, labels, reduction="sum"))
        for rows, labels in zip(x.split(BLOCK), y.split(BLOCK), strict=True)
    )
    return total / len(x) + 0.5 * l2 * float(weight.square().sum())


def table(device: torch.device, options: argparse.Namespace) -> Iterator[Row]:
    """The lab's fifteen epochs, on the device and on the computer's processor."""
    train = load_dataset("mnist").train
    for name in dict.fromkeys((device.type, "cpu")):
        fit(Recipe(device=name, epochs=1), train[:1000])
        fitted, seconds = timed(device, partial(fit, Recipe(device=name), train))
        yield {
            "solver": "sgd, 15 epochs",
            "where": name,
            "seconds": seconds,
            "first_cost": fitted.costs[0],
            "last_cost": fitted.costs[-1],
        }


def optimum(device: torch.device, options: argparse.Namespace) -> Iterator[Row]:
    """MNIST's optimum, l2 = 1e-4, from images on the device."""
    train = load_dataset("mnist").train
    images, y = train.images.flatten(1).to(device), train.labels.to(device)
    x = images.float() / 255
    for name, solver in SOLVERS.items():
        softreg(solver(TOL, 500), images[:2000], y[:2000])
        answer, seconds = timed(device, partial(softreg, solver(TOL, 500), images, y))
        gap = objective(x.cpu().numpy(), train.labels.numpy(), answer) - OPTIMUM
        yield {"solver": f"softreg {name}", "where": device.type, "seconds": seconds, "gap": gap}
    for iterations in (100, 300, 1000):
        peer = partial(torch_lbfgs, classes=10, l2=MNIST_L2, tol=1e-9, iterations=iterations)
        peer(x[:2000], y[:2000])
        answer, seconds = timed(device, partial(peer, x, y))
        gap = value(x, y, MNIST_L2, *answer) - OPTIMUM
        yield {"solver": f"torch.optim.LBFGS, {iterations} iterations", "where": device.type, "seconds": seconds, "gap": gap}


def embeddings(n: int, d: int, c: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows (n, d), float32, and labels (n,) of c classes, on the device."""
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    spectrum = torch.arange(1, d + 1, device=device, dtype=torch.float32) ** DECAY
    rotation, means = torch.linalg.qr(normal(d, d))[0], normal(c, d) * spectrum * APART
    x = torch.empty(n, d, device=device)
    y = torch.randint(0, c, (n,), generator=generator, device=device)
    for rows, labels in zip(x.split(BLOCK), y.split(BLOCK), strict=True):
        rows.copy_((means[labels] + normal(len(rows), d) * spectrum) @ rotation + 0.3)
    return x, y


def probe(device: torch.device, options: argparse.Namespace) -> Iterator[Row]:
    """A linear probe: `softreg train` on embeddings, calibration aside, and torch.optim.LBFGS."""
    n, d, c = options.size
    (x, y), making = timed(device, partial(embeddings, n, d, c, device))
    data = Dataset(x.cpu(), y.cpu(), tuple(map(str, range(c))), "embeddings")
    recipe = Recipe(device=device.type, solver="lbfgs", l2=L2, tol=GOAL, certify=True)
    fit(recipe, data[: 20 * c])
    fitted, seconds = timed(device, partial(fit, recipe, data))
    linear = fitted.model.linear
    best = value(x, y, L2, linear.weight.detach(), linear.bias.detach())
    proven = fitted.termination.params["proven"]
    row = {"solver": "softreg lbfgs", "where": device.type, "seconds": seconds, "gap": proven, "iterations": len(fitted.costs)}
    yield row | {"objective": best, "seconds_making_rows": making, "peak_rss_mib": peak_rss_mib()} | _memory()
    del fitted, linear
    limit = options.times * seconds
    torch_lbfgs(x[: 20 * c], y[: 20 * c], c, L2, tol=1e-8, iterations=3)
    answer, seconds = timed(device, partial(torch_lbfgs, x, y, c, L2, tol=1e-9, limit=limit))
    gap = value(x, y, L2, *answer) - best + proven
    yield {"solver": "torch.optim.LBFGS", "where": device.type, "seconds": seconds, "gap": gap} | _memory()


def _memory() -> Row:
    """The most memory of a CUDA device that was in use, in MiB; 0 if there is none."""
    return {"peak_device_mib": torch.cuda.max_memory_allocated() / 2**20}


def presets(device: torch.device, options: argparse.Namespace) -> Iterator[Row]:
    """The presets with kernels of patches, feature map and calibration included."""
    splits = load_dataset("mnist")
    for name in ("best", "record"):
        fitted, seconds = timed(device, partial(fit, Recipe.preset(name).replace({"device": device.type}), splits.train))
        accuracy = evaluate(fitted.model, splits.test).accuracy
        yield {"solver": name, "where": device.type, "seconds": seconds, "accuracy": accuracy} | _memory()


@dataclass(frozen=True)
class Part:
    """One part: how it is run, what it is called, and which columns of its rows are printed, each with its format."""

    run: Callable[[torch.device, argparse.Namespace], Iterator[Row]]
    title: str
    columns: dict[str, str]


SECONDS = {"solver": "", "where": "", "seconds": ".2f"}
PARTS = {
    "table": Part(table, "The lab's table: 15 epochs of SGD on MNIST", SECONDS | {"first_cost": ".9f", "last_cost": ".9f"}),
    "optimum": Part(optimum, f"MNIST's optimum, l2 = {MNIST_L2:g}", SECONDS | {"gap": ".1e"}),
    "probe": Part(
        probe,
        f"A linear probe, {{:,}} x {{}} x {{}}, float32, l2 = {L2:g}, to a proven gap of {GOAL:g}",
        SECONDS | {"gap": ".1e", "peak_device_mib": ",.0f"},
    ),
    "presets": Part(
        presets, "Presets: feature map, training and calibration", SECONDS | {"accuracy": ".2%", "peak_device_mib": ",.0f"}
    ),
}


def markdown(results: dict[str, Any]) -> str:
    """What results/gpu.md says."""
    lines = ["# On a GPU", ""]
    for name in filter(results.__contains__, PARTS):
        part, found = PARTS[name], results[name]
        environment = found["environment"]
        lines += [f"## {part.title.format(*found['size'])}", ""]
        lines += [f"{environment['device']}, {environment['processor']}, torch {environment['libraries']['torch']}.", ""]
        lines += ["| " + " | ".join(column.replace("_", " ") for column in part.columns) + " |", "|" + " --- |" * len(part.columns)]
        for row in found["rows"]:
            lines.append("| " + " | ".join(format(row[column], how) for column, how in part.columns.items()) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run the parts, and write what they gave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=PARTS, metavar="PART")
    parser.add_argument("--size", type=int, nargs=3, default=(1_280_000, 2048, 1000), metavar=("N", "D", "C"))
    parser.add_argument("--times", type=float, default=4.0, metavar="K")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a folder")
    options = parser.parse_args()
    device, file = torch.device(options.device), options.out / "gpu.json"
    for name in options.only:
        results = json.loads(file.read_text()) if file.exists() else {}
        results[name] = {"environment": capture_environment(device), "size": list(options.size), "rows": []}
        for row in PARTS[name].run(device, options):
            print(json.dumps(row), flush=True)
            results[name]["rows"].append(row)
            file.write_text(json.dumps(results, indent=1) + "\n")
            (options.out / "gpu.md").write_text(markdown(results))


if __name__ == "__main__":
    main()
