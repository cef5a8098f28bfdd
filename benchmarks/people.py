"""How well pictures that people took are read, beside other readers.

    python -m benchmarks.people FOLDER [--model RUN] [--peers rapidocr tesseract otsu] [--write]

FOLDER holds pictures and `labels.csv` with the columns `file`, `label` (empty: no digit, to be left unnamed) and `kind`. No such
pictures come with softreg; the figures in its documentation are of 424 that people took to try their own readers.
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.peers import READERS, Reader, installed, is_right
from softreg.inference.prediction import Prediction, predict_each
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import READER, pretrained_path
from softreg.runs.run import open_run

RESULTS = Path(__file__).parent / "results"
NOT_HANDWRITTEN = {"mnist", "mnist_plot", "printed", "screenshot"}


def what(row: dict[str, str]) -> str:
    """Which part of the table a picture belongs to."""
    if not row["label"]:
        return "no digit"
    return "printed" if row["kind"] in NOT_HANDWRITTEN else "one digit" if len(row["label"]) == 1 else "several digits"


def read(model: SoftmaxRegression, folder: Path, row: dict[str, str], peers: dict[str, Reader]) -> dict[str, Any]:
    """What softreg says of one picture, and which readers are right."""
    path = folder / row["file"]
    start = time.process_time()
    (answer,) = predict_each(model, [(path, row["file"])])
    seconds = time.process_time() - start
    said = (answer.label or "") if isinstance(answer, Prediction) else ""
    known = {
        "part": what(row),
        "label": row["label"],
        "said": said,
        "probability": answer.probability if isinstance(answer, Prediction) else 0.0,
        "ms": 1000 * seconds,
        "softreg": said == row["label"],
    }
    content = path.read_bytes()
    return known | {name: is_right(reader, content, row["label"]) for name, reader in peers.items()}


def summary(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Of one part: how many are right, wrong or unnamed, the mean confidence of the named, and the processor time."""
    named = [row for row in rows if row["said"]]
    return {
        "n": len(rows),
        **{name: mean(row[name] for row in rows) for name in names},
        "wrong": mean(bool(row["said"]) and not row["softreg"] for row in rows),
        "confidence": mean(row["probability"] for row in named) if named else None,
        "right_of_named": mean(row["softreg"] for row in named) if named else None,
        "ms_median": median(row["ms"] for row in rows),
        "ms_mean": mean(row["ms"] for row in rows),
    }


def measure(folder: Path, model: SoftmaxRegression, peers: dict[str, Reader]) -> dict[str, Any]:
    """The whole folder."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        listed = [row | {"label": "".join(row["label"].split())} for row in csv.DictReader(file)]
    parts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in listed:
        parts[what(row)].append(read(model, folder, row, peers))
    names = ["softreg", *peers]
    by_digit = {
        digit: mean(row["softreg"] for row in parts["one digit"] if row["label"] == digit)
        for digit in sorted({row["label"] for row in parts["one digit"]})
    }
    return {"readers": names, "parts": {part: summary(rows, names) for part, rows in sorted(parts.items())}, "by_digit": by_digit}


def markdown(result: dict[str, Any]) -> str:
    """The table for people."""
    names = result["readers"]
    head = ["pictures", "n", *names, "wrong", "says", "is right", "CPU ms, median", "mean"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for part, row in result["parts"].items():
        shares = [f"{row[name]:.1%}" for name in (*names, "wrong")]
        stated = [f"{row[name]:.1%}" if row[name] is not None else "" for name in ("confidence", "right_of_named")]
        cells = [part, str(row["n"]), *shares, *stated, f"{row['ms_median']:.0f}", f"{row['ms_mean']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    digits = ", ".join(f"{digit} {share:.1%}" for digit, share in result["by_digit"].items())
    return "\n".join(lines) + f"\n\nOne digit, by digit: {digits}.\n"


def main() -> None:
    """Print the table, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=pretrained_path(READER), help="a run; by default the one that reads pictures")
    parser.add_argument("--peers", nargs="*", choices=READERS, default=[], help="other readers, if installed")
    parser.add_argument("--write", action="store_true", help="into benchmarks/results")
    arguments = parser.parse_args()
    run = open_run(arguments.model)
    peers = {name: reader for name, reader in installed().items() if name in arguments.peers}
    result = {"model_sha256": run.result["model_sha256"]} | measure(arguments.folder, run.model(), peers)
    print(markdown(result))
    if arguments.write:
        (RESULTS / "people.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "people.md").write_text(markdown(result), encoding="utf-8")


if __name__ == "__main__":
    main()
