"""How well outliers are told from digits, as the field measures it: AUROC and FPR95, beside the detectors of pytorch-ood.

    python -m benchmarks.outliers [--model RUN] [--count 300] [--write]      # needs npm, and the extra `peers`

Digits are MNIST's test images, half of them as pictures (`benchmarks.handwriting.through_a_picture`). Outliers are pictures
without a digit, the largest mark of each brought to 28 x 28 as `softreg predict` does: letters of handwriting typefaces that were
never learned from, Hangul, and the kinds of `benchmarks/non_digits.py`. All detectors see the features and logits of one model;
those that are fitted are fitted on the first 10,000 training images. AUROC: how often an outlier scores above a digit. FPR95: the
share of outliers accepted by the threshold that accepts 95 % of the digits.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.handwriting import through_a_picture
from benchmarks.non_digits import KINDS, SIDE, Kind
from benchmarks.typefaces import LETTERS, fetch, glyph, names
from softreg.data.load import load_dataset
from softreg.imaging.picture import picture_from_array
from softreg.model.gaussian_detector import GaussianDetector
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import READER, pretrained_path
from softreg.runs.run import open_run

RESULTS = Path(__file__).parent / "results"
SYLLABLES = "가나다라마바사아자차카타파하강물밥집눈불꽃별달해손발책문길봄"
DIGITS, FITTED = 2000, 10_000
Bytes = NDArray[np.uint8]
Rows = tuple[Tensor, Tensor, Tensor]  # what distances are measured in (N, K), logits (N, C), and softreg's own scores (N,)


def typeface_picture(part: str, characters: str, rng: np.random.Generator) -> Bytes:
    """A character of a typeface, dark on light: uint8 (H, W)."""
    ink = glyph(str(rng.choice(names(part))), str(rng.choice(list(characters))), rng)
    page = np.zeros((max(SIDE, ink.shape[0] + 20), max(SIDE, ink.shape[1] + 20)), dtype=np.float32)
    page[10 : 10 + ink.shape[0], 10 : 10 + ink.shape[1]] = ink
    return np.asarray(np.rint(255 - 255 * page), dtype=np.uint8)


def outliers(count: int, seed: int) -> dict[str, Tensor]:
    """The images of each kind of outlier, uint8 (N, 28, 28); pictures in which no mark is found are left out."""
    found = {}
    kinds: dict[str, Kind] = {
        "letters of other typefaces": lambda rng: typeface_picture("measured", "".join(sorted(set(LETTERS))), rng),
        "Hangul": lambda rng: typeface_picture("hangul", SYLLABLES, rng),
    } | {name: kind for name, kind in KINDS.items() if name not in {"letter", "hangul", "blank"}}
    for name, kind in kinds.items():
        rng = np.random.default_rng([seed, *name.encode()])
        pictures = [picture_from_array(kind(rng)) for _ in range(count)]
        images = [max(p.digits, key=lambda digit: digit.box[2] * digit.box[3]).image for p in pictures if p.digits]
        found[name] = torch.from_numpy(np.stack(images))
    return found


def digits(seed: int) -> Tensor:
    """Test images, every other one through a picture: uint8 (N, 28, 28)."""
    rng = np.random.default_rng(seed)
    images = load_dataset("mnist").test.images[:DIGITS].numpy()
    return torch.from_numpy(np.stack([through_a_picture(image, rng) if i % 2 else image for i, image in enumerate(images)]))


@torch.inference_mode()
def rows(model: SoftmaxRegression, images: Tensor) -> Rows:
    """What the detectors are given of images."""
    y, detector = model.features.projections(images), model.ood_detector
    logits, novelty = model.logits_and_novelty(images)
    assert novelty is not None
    return detector.components(y) if isinstance(detector, GaussianDetector) else y.float(), logits, novelty


def peers(fitted: Rows, labels: Tensor) -> dict[str, Any]:
    """The detectors of pytorch-ood: each a function from rows to scores (N,), higher for outliers."""
    from pytorch_ood.detector import GEN, KNN, RMD, EnergyBased, Mahalanobis, MaxLogit, MaxSoftmax

    distances = {"Mahalanobis": Mahalanobis(None), "relative Mahalanobis": RMD(None), "k nearest neighbours": KNN(None)}
    for detector in distances.values():
        detector.fit_features(fitted[0], labels)
    return {
        "maximum softmax": lambda given: MaxSoftmax.score(given[1]),
        "maximum logit": lambda given: MaxLogit.score(given[1]),
        "energy": lambda given: EnergyBased.score(given[1]),
        "GEN": lambda given: GEN.score(given[1]),
    } | {name: (lambda given, detector=detector: detector.predict_features(given[0])) for name, detector in distances.items()}


def fpr95(inliers: NDArray[Any], others: NDArray[Any]) -> float:
    """The share of outliers below the score that 95 % of the digits are below."""
    return float((others <= np.quantile(inliers, 0.95)).mean())


def measure(model: SoftmaxRegression, count: int, seed: int) -> list[dict[str, Any]]:
    """For each detector AUROC and FPR95 by kind, and their means."""
    train = load_dataset("mnist").train[:FITTED]
    inside, outside = rows(model, digits(seed)), {name: rows(model, images) for name, images in outliers(count, seed).items()}
    table = []
    for name, score in ({"softreg": lambda given: given[2]} | peers(rows(model, train.images), train.labels)).items():
        with torch.inference_mode():
            inliers = score(inside).numpy()
            scores = {kind: score(given).numpy() for kind, given in outside.items()}
        kinds = {
            kind: {
                "auroc": float(roc_auc_score(np.r_[np.zeros(len(inliers)), np.ones(len(others))], np.r_[inliers, others])),
                "fpr95": fpr95(inliers, others),
            }
            for kind, others in scores.items()
        }
        means = {key: float(np.mean([row[key] for row in kinds.values()])) for key in ("auroc", "fpr95")}
        table.append({"detector": name, "kinds": kinds, **means})
    return table


def markdown(table: list[dict[str, Any]]) -> str:
    """The table for people."""
    kinds = list(table[0]["kinds"])
    head = "| detector | " + " | ".join([*kinds, "**mean**"]) + " |"
    lines = ["AUROC / FPR95, in per cent.", "", head, "|" + " --- |" * (len(kinds) + 2)]
    for row in table:
        cells = [f"{100 * cell['auroc']:.1f} / {100 * cell['fpr95']:.1f}" for cell in [*row["kinds"].values(), row]]
        lines.append(f"| {row['detector']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=pretrained_path(READER), help="a run; by default the one that reads pictures")
    parser.add_argument("--count", type=int, default=300, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into benchmarks/results")
    arguments = parser.parse_args()
    fetch()
    run = open_run(arguments.model)
    table = measure(run.model(), arguments.count, arguments.seed)
    print(markdown(table))
    if arguments.write:
        result = {"model_sha256": run.result["model_sha256"], "seed": arguments.seed, "count": arguments.count, "detectors": table}
        (RESULTS / "outliers.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "outliers.md").write_text(markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
