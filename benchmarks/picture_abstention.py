"""How often a model of colour pictures abstains: on its own classes in another hand, and on what belongs to none.

    python -m benchmarks.picture_abstention FOLDER      (the folder of `other_images`)

The model knows the flags of 20 countries as Noto and Twemoji draw them (`other_image_sets.flags`), on `patches`, with a fifth of
the images held out for calibration. Writes `results/picture_abstention.json` and `results/picture_abstention.md`.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from benchmarks.other_image_sets import flags
from benchmarks.other_images import RESULTS, joined
from softreg.data.assemble import stratified_order
from softreg.data.load import load_dataset
from softreg.inference.prediction import predict_images
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.runs.environment import capture_environment
from softreg.training.fit import fit

L2, COUNT, SEED = 1e-2, 300, 2026


def unnamed(model: SoftmaxRegression, images: Tensor) -> float:
    """The share of images that the model does not name."""
    reasons = predict_images(model, images)[2]
    return sum(reason is not None for reason in reasons) / len(reasons)


def measure(packages: Path) -> dict[str, float]:
    """The share left unnamed of each kind, and the accuracy of the known classes."""
    noto, twemoji, test = flags(packages)
    train = joined(noto, twemoji)
    train = train[stratified_order(train.labels, SEED)]
    recipe = Recipe(features="patches", solver="lbfgs", l2=L2, tol=1e-3, calibration=len(train) // 5)
    model = fit(recipe, train).model
    logits, _, reasons = predict_images(model, test.images)
    right, named = logits.argmax(1) == test.labels, torch.tensor([reason is None for reason in reasons])
    generator = Generator().manual_seed(SEED)
    noise = torch.randint(0, 256, (COUNT, 64, 64, 3), generator=generator, dtype=torch.uint8)
    digits = load_dataset("mnist").test.images[:COUNT]
    large = interpolate(digits[:, None].float(), 64, mode="bilinear")[:, 0].to(torch.uint8)  # (N, 64, 64)
    return {
        "accuracy": float(right.double().mean()),
        "accuracy_named": float(right[named].double().mean()),
        "the same flags, drawn by flag-icons": unnamed(model, test.images),
        "flags of 20 other countries, in all three hands": unnamed(
            model, torch.cat([part.images for part in flags(packages, first=6)])
        ),
        "MNIST's digits, enlarged": unnamed(model, large[..., None].expand(-1, -1, -1, 3).contiguous()),
        "noise": unnamed(model, noise),
    }


def table(found: dict[str, float]) -> str:
    """What results/picture_abstention.md says."""
    kinds = {name: share for name, share in found.items() if not name.startswith("accuracy")}
    return "\n".join(
        [
            "| pictures | left unnamed |",
            "| --- | --- |",
            *(f"| {name} | {share:.1%} |" for name, share in kinds.items()),
            "",
            f"Of the same flags {found['accuracy']:.1%} are named rightly if none is left unnamed, {found['accuracy_named']:.1%}",
            "of those that are named.",
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="where the packages are unpacked")
    packages = parser.parse_args().packages
    torch.set_num_threads(1)
    found = measure(packages)
    results = {"environment": capture_environment(torch.device("cpu")), "shares": found}
    (RESULTS / "picture_abstention.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "picture_abstention.md").write_text(table(found), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
