"""Images that are no MNIST digits: accuracy and processor time of softreg's feature maps and of scikit-learn, side by side.

    npm pack NAME ...      (the packages of `other_image_sets.NPM`, each unpacked in FOLDER/NAME, without its scope)
    pip install cairosvg   (draws flag-icons)
    python -m benchmarks.other_images FOLDER

The sets are described in `other_image_sets`. Each is in three parts: the penalty is chosen by the accuracy on the second after
training on the first; then the first two are trained on, and the third is looked at once. scikit-learn's `LogisticRegression` has
the same pixels, the same penalties to choose from, and one thread, as softreg has. Time is the processor time of the last training,
features included. Writes `results/other_images.json` and `results/other_images.md`.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from benchmarks.other_image_sets import SETS
from softreg.data.dataset import Dataset
from softreg.features.choice import choose_features
from softreg.features.registry import make_feature_map
from softreg.inference.evaluation import evaluate, wilson_interval
from softreg.model.design import design_matrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, unpack
from softreg.optim.solvers.registry import make_solver
from softreg.recipe import Recipe
from softreg.runs.environment import capture_environment
from softreg.training.fit import fit

RESULTS = Path(__file__).parent / "results"
SEED, TOL, MAX_ITERATIONS = 777, 1e-3, 500
GRIDS = {"pixels": (1e-1, 1e-2, 1e-3, 1e-4, 1e-5), "deskew": (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)}
PATTERNS = (1e-1, 1e-2, 1e-3, 1e-4)  # of the other maps, whose features are standardised
SOLVER = {"tol": TOL, "max_iterations": MAX_ITERATIONS, "certify": False}


def by_softreg(name: str, train: Dataset, validation: Dataset, test: Dataset) -> dict[str, Any]:
    """One feature map: the penalty chosen, the accuracy on the test images, the processor time."""
    features = make_feature_map(name, train.image_shape).fit(train.images, SEED)
    matrix, unseen = design_matrix(features, train, torch.device("cpu")), features(validation.images)
    theta, found = torch.zeros(len(train.classes), features.dim + 1), {}
    for l2 in GRIDS.get(name, PATTERNS):
        theta = minimize(make_solver("lbfgs", SOLVER), Objective(matrix, len(train.classes), l2), theta).theta
        weight, bias = unpack(theta)
        found[l2] = share_right((unseen @ weight.T + bias).argmax(1), validation.labels)
    l2 = max(found, key=lambda penalty: found[penalty])  # of equals, the strongest
    began = time.process_time()
    fitted = fit(Recipe(features=name, solver="lbfgs", l2=l2, tol=TOL), joined(train, validation))
    seconds = time.process_time() - began
    return {"l2": l2, "validation": found, "accuracy": evaluate(fitted.model, test).accuracy, "seconds": seconds}


def by_scikit_learn(train: Dataset, validation: Dataset, test: Dataset) -> dict[str, Any]:
    """`LogisticRegression` on pixels, with the penalties that `pixels` has."""

    def fitted(data: Dataset, l2: float) -> LogisticRegression:
        with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
            return LogisticRegression(C=1 / (l2 * len(data)), max_iter=MAX_ITERATIONS).fit(pixels(data), data.labels.numpy())

    found = {l2: float(fitted(train, l2).score(pixels(validation), validation.labels.numpy())) for l2 in GRIDS["pixels"]}
    l2 = max(found, key=lambda penalty: found[penalty])
    began = time.process_time()
    model = fitted(joined(train, validation), l2)
    seconds = time.process_time() - began
    return {"l2": l2, "validation": found, "accuracy": float(model.score(pixels(test), test.labels.numpy())), "seconds": seconds}


def pixels(data: Dataset) -> Any:
    """The pixels in [0, 1], float32 (N, D)."""
    return data.images.flatten(1).numpy().astype("float32") / 255


def share_right(predicted: Tensor, labels: Tensor) -> float:
    """The accuracy."""
    return float((predicted == labels).double().mean())


def joined(first: Dataset, second: Dataset) -> Dataset:
    """The images of both."""
    images, labels = torch.cat([first.images, second.images]), torch.cat([first.labels, second.labels])
    return Dataset(images, labels, first.classes, first.name)


def measure(name: str, packages: Path) -> dict[str, Any]:
    """All rows of one set."""
    train, validation, test = SETS[name](packages)
    maps = ["pixels", "deskew", "patches", "scattering"] if len(train.image_shape) == 2 else ["pixels", "patches"]
    rows: dict[str, Any] = {}
    for feature_map in maps:
        rows[feature_map] = by_softreg(feature_map, train, validation, test)
        print(name, feature_map, rows[feature_map], flush=True)
    rows["scikit-learn"] = by_scikit_learn(train, validation, test)
    print(name, "scikit-learn", rows["scikit-learn"], flush=True)
    sizes = [len(part) for part in (train, validation, test)]
    return {"shape": train.image_shape, "classes": len(train.classes), "images": sizes, "rows": rows}


def table(results: dict[str, Any]) -> str:
    """What results/other_images.md says."""
    environment = results["environment"]
    lines = [
        "# Images that are no MNIST digits",
        "",
        f"`python -m benchmarks.other_images`: {environment['processor']}, one thread, torch {environment['libraries']['torch']}.",
        "The penalty is chosen on validation images; a run looks at the test images once. Of `hangul` and `flags` the typefaces",
        "and the drawings of the three parts differ. Seconds are processor time of the last training, features included, on a busy",
        "machine; softreg ends at a gap of 1e-3, scikit-learn at its own tolerance.",
        "",
        "| set | classifier | l2 | validation accuracy | test accuracy | 95 % interval | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in results["sets"].items():
        size = " x ".join(map(str, found["shape"]))
        auto = choose_features(found["images"][0], tuple(found["shape"])).features
        about = f"{name}: {size}, {found['classes']} classes, {' + '.join(map(str, found['images']))} images"
        for feature_map, row in found["rows"].items():
            low, high = wilson_interval(row["accuracy"], found["images"][2])
            label = "`LogisticRegression` on pixels" if feature_map == "scikit-learn" else f"`{feature_map}`"
            label += " (what `auto` takes)" if feature_map == auto else ""
            best = max(row["validation"].values())
            numbers = f"{row['l2']:g} | {best:.3f} | {row['accuracy']:.3f} | {low:.3f} to {high:.3f} | {row['seconds']:.1f}"
            lines.append(f"| {about} | {label} | {numbers} |")
            about = ""
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="where the packages are unpacked")
    packages = parser.parse_args().packages
    torch.set_num_threads(1)
    sets = {name: measure(name, packages) for name in SETS}
    results = {"environment": capture_environment(torch.device("cpu")), "sets": sets}
    (RESULTS / "other_images.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "other_images.md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
