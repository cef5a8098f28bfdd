"""How often softreg says it does not know: of pictures that show no digit, and of the test images.

    python -m benchmarks.abstention --seed 1                      while developing
    python -m benchmarks.abstention --seed 2027 --write           the reported figures

Non-digits are drawn by `benchmarks.non_digits` and go the whole way, from a picture to an answer; a picture counts as abstained if
there is no answer, for whatever reason. The test images go through the model as they are.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.non_digits import AKIN, KINDS, Kind
from softreg.data.load import load_dataset
from softreg.imaging.picture import picture_from_array
from softreg.inference.evaluation import evaluate, wilson_interval
from softreg.inference.prediction import predict, predict_images
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import open_run

RESULTS = Path(__file__).parent / "results"


def measure(model: SoftmaxRegression, name: str, kind: Kind, count: int, seed: int) -> dict[str, Any]:
    """One row of the table: how many of `count` pictures of a kind are left unnamed, and what the others are named."""
    rng = np.random.default_rng([seed, *name.encode()])
    answers = predict(model, [picture_from_array(kind(rng)) for _ in range(count)])
    reasons = Counter(answer.abstention_reason for answer in answers if answer.abstention_reason)
    named = Counter(answer.label for answer in answers if not answer.abstention_reason)
    return {
        "kind": name,
        "n": count,
        "abstained": 1 - named.total() / count,
        "reasons": dict(reasons),
        "named": dict(named.most_common(5)),
    }


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=pretrained_path("best"), help="a run; by default the one that comes with softreg"
    )
    parser.add_argument("--count", type=int, default=300, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into benchmarks/results")
    arguments = parser.parse_args()
    run, test = open_run(arguments.model), load_dataset("mnist").test
    model = run.model()
    rows = [measure(model, name, kind, arguments.count, arguments.seed) for name, kind in KINDS.items()]
    doubted = [why for images in test.images.split(1000) for why in predict_images(model, images)[2]]
    strange = [row["abstained"] for row in rows if row["kind"] not in AKIN]
    share = sum(why is not None for why in doubted) / len(test)
    evaluation = evaluate(model, test)
    right = evaluation.predictions == test.labels
    answered = torch.tensor([why is None for why in doubted])
    result = {
        "seed": arguments.seed,
        "model_sha256": run.result["model_sha256"],
        "non_digits": rows,
        "non_digits_abstained": sum(row["abstained"] for row in rows) / len(rows),
        "strange_abstained": sum(strange) / len(strange),
        "test_abstained": share,
        "test_abstained_interval": wilson_interval(share, len(test)),
        "test_reasons": dict(Counter(why for why in doubted if why)),
        "test_accuracy": float(right.float().mean()),
        "test_accuracy_answered": float(right[answered].float().mean()),
        "test_wrong_abstained": float((~answered[~right]).float().mean()),
        "test_ece": evaluation.ece,
    }
    table = as_table(result)
    print(table)
    if arguments.write:
        (RESULTS / "abstention.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "abstention.md").write_text(table, encoding="utf-8")


def as_table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"# What is left unnamed (seed {result['seed']})",
        "",
        "| pictures | n | abstained | mostly named, if at all |",
        "| --- | --- | --- | --- |",
    ]
    for row in result["non_digits"]:
        named = ", ".join(f"{label} ({n})" for label, n in row["named"].items()) or "-"
        lines.append(f"| {row['kind']} | {row['n']} | {row['abstained']:.1%} | {named} |")
    low, high = result["test_abstained_interval"]
    lines += [
        f"| **all non-digits, mean of the kinds** | | **{result['non_digits_abstained']:.1%}** | |",
        f"| the same without {', '.join(sorted(AKIN))} | | {result['strange_abstained']:.1%} | |",
        f"| **MNIST's test images** | 10,000 | **{result['test_abstained']:.2%}** (95 % interval {low:.2%} to {high:.2%}) | |",
        "",
        f"Of the test images that would be named wrongly {result['test_wrong_abstained']:.1%} are left unnamed; accuracy of all",
        f"{result['test_accuracy']:.2%}, of those that are named {result['test_accuracy_answered']:.2%};",
        f"ECE of all {result['test_ece']:.2%}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
