"""How many of the 10,000 test images the preset `record` misreads, seed by seed. Claims nothing: the result is told as it is.

::

    python -m benchmarks.record --seeds 777 778 779 780 781 --write

The recipe was chosen on training images held out (docs/features.md). Each seed draws its own patches and landmarks, is
trained on all 60,000 images, and reads the test images once. The first seed is calibrated; a temperature changes no decision, so
the others are not, and since the targets are smoothed their probabilities are far from certain. `--write` adds each result to
`benchmarks/results/record.json` as soon as it is there, and rewrites `record.md`; a seed that is there already is not trained
again. Prints JSON.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from softreg.data.load import load_dataset
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.train import train

FIRST, N_TEST = 777, 10_000
RESULTS = Path(__file__).parent / "results"
READINGS = """
How often the test images were read for this: once by each of these models, none of which was chosen by it. Before, 16 models of
three earlier recipes, of which two were called `record`, and three for `best` had read them (docs/features.md).
"""


def measure(seed: int, folder: Path) -> dict[str, Any]:
    """Train with one seed and read the test images once."""
    recipe = Recipe.preset("record").replace({"seed": seed} | ({} if seed == FIRST else {"calibration": 0}))
    began = time.process_time()
    run = train(recipe, folder / str(seed), figures=False)
    seconds, evaluation = time.process_time() - began, run.result["evaluation"]
    return {
        "seed": seed,
        "calibration": recipe.calibration,
        "errors": round(N_TEST * (1 - evaluation["accuracy"])),
        "accuracy_interval": evaluation["accuracy_interval"],
        "nll": evaluation["nll"],
        "ece": evaluation["ece"],
        "iterations": len(run.costs),
        "objective": run.result["objective"],
        "processor_seconds": seconds,
        "train_seconds": run.result["train_seconds"],
        "peak_rss_mib": json.loads((run.path / "environment.json").read_text(encoding="utf-8"))["peak_rss_mib"],
        "model_mib": (run.path / "model.safetensors").stat().st_size / 2**20,
        "predict_processor_seconds": predict_seconds(run),
    }


def predict_seconds(run: Run, count: int = 2000) -> float:
    """Seconds of processor time to classify 10,000 images, from `count` training images."""
    model, images = run.model(), load_dataset("mnist").train.images[:count]
    model.logits(images[:1])  # what is computed once
    began = time.process_time()
    model.logits(images)
    return (time.process_time() - began) * N_TEST / count


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    errors = [result["errors"] for result in results]
    deviation = f", standard deviation {statistics.stdev(errors) / 100:.3f} %" if len(errors) > 1 else ""
    lines = [
        f"Preset `record`, {len(errors)} seeds: mean error {statistics.mean(errors) / 100:.3f} %{deviation}.",
        "",
        "| seed | errors of 10,000 | 95 % interval (Wilson) | NLL | ECE | training, processor s | MiB | 10,000 images, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        low, high = (100 * (1 - bound) for bound in reversed(result["accuracy_interval"]))
        ece = f"{100 * result['ece']:.2f} %" if result["calibration"] else "not calibrated"
        lines.append(
            f"| {result['seed']} | {result['errors']} | {low:.2f} to {high:.2f} % | {result['nll']:.4f} | {ece} "
            f"| {result['processor_seconds']:.0f} | {result['peak_rss_mib']:.0f} | {result['predict_processor_seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n" + READINGS


def saved() -> list[dict[str, Any]]:
    """The results so far."""
    file = RESULTS / "record.json"
    results: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["seeds"] if file.exists() else []
    return results


def save(results: list[dict[str, Any]]) -> None:
    """Write the results and the table of them."""
    document = {"cores": os.cpu_count(), "torch": torch.__version__, "seeds": results}
    (RESULTS / "record.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "record.md").write_text(table(results), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[FIRST + i for i in range(5)])
    parser.add_argument("--out", type=Path, help="where the runs are kept; without it they are not")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            if any(result["seed"] == seed for result in saved()):
                continue
            result = measure(seed, arguments.out or Path(folder))
            print(json.dumps(result), flush=True)
            if arguments.write:
                save(sorted([*saved(), result], key=lambda one: one["seed"]))


if __name__ == "__main__":
    main()
