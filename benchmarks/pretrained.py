"""Train the runs that ship with softreg again, and write their model cards.

`make pretrained`, or::

    python -m benchmarks.pretrained best handwriting tutorial

A run is trained by the command line, as a user would, then copied without its figures. `handwriting` learns from images that
`benchmarks.handwriting` makes first.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import softreg
from benchmarks.handwriting import write_dataset
from softreg.recipe import Recipe
from softreg.runs.run import ENVIRONMENT, METRICS, MODEL, RECIPE, Run

PRETRAINED = Path(softreg.__file__).parent / "pretrained"
CARD = """\
# Model card: softreg `{name}`

**What it is.** Softmax regression, one convex layer of {weights:,} weights, on the fixed feature map `{features}`, which is fitted
without labels. It names the digit, 0 to 9, in a 28 x 28 image in MNIST's form; `softreg predict` brings pictures into that
form first.

**Data.** {data} Training images,
SHA-256 {train_sha256}; test images, SHA-256 {test_sha256}.

**Results** on the 10,000 test images, which were not used to choose anything:

| | |
| --- | --- |
| accuracy | {accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f} |
| negative log-likelihood | {nll:.4f} |
| expected calibration error | {ece:.4f} |{abstention}
| training | {seconds:.0f} s, peak memory {memory:.0f} MiB, on {threads} of an {processor} |
| SHA-256 of the model | {sha256} |

**How the settings were chosen.** {settings}

**Made again** by {command}. The same machine, libraries and number of threads give the same bits; on another
processor the last digits may differ.

**Limits.** {limits} It knows digits only; of a letter it still says the nearest digit, unless it abstains. Do not let it decide
alone where a wrong digit costs someone something.
"""

LICENCE = """\
MNIST by Yann LeCun and Corinna Cortes, under Creative Commons Attribution-ShareAlike 3.0
(<https://creativecommons.org/licenses/by-sa/3.0/>); what was learned from them is shared under the same licence."""
MNIST = {
    "data": f"The 60,000 training images of {LICENCE}",
    "settings": """\
By the last 10,000 training images, held out; then all 60,000 were learned. What was tried, with figures: `docs/features.md` and
`docs/negative_results/features.md` of the source.""",
    "command": "`softreg train --preset {name}`; `softreg reproduce` says whether the weights are the same",
    "limits": """\
MNIST was written by American clerks and school pupils about 1990: sevens with a bar, ones with a long flag and other habits are
rare in it.""",
}
HANDWRITING = {
    "data": f"""\
459,800 images: the 60,000 training images of {LICENCE}
Each of them is there six times more: twice bent a little, and four times, bent, as pictures on their way through `softreg.imaging`;
32,800 digits drawn by a program, `benchmarks/drawn_digits.py`, from strokes in shapes that MNIST hardly has; and 7,000 digits of
the handwriting typefaces that `benchmarks/typefaces.toml` names, all under the SIL Open Font License 1.1. 4,000 letters of these
typefaces, 1,500 drawn by `benchmarks/drawn_letters.py` and 3,500 marks of `benchmarks/marks.py` taught the detector what is no
digit. No picture of a person's is among them, and no typeface ships.""",
    "settings": """\
They are those of `record`. How many pictures and bent images to make of the training images was chosen by models that
had learned none of the last 10,000, or of the last 5,000; the shapes, their numbers, and how pictures are read, with 393 pictures
that people took to try their own digit readers, of which none was learned: `docs/negative_results/pictures.md`.""",
    "command": """\
`make pretrained`: `python -m benchmarks.handwriting build/handwriting`, then
`softreg train --config benchmarks/handwriting.toml`""",
    "limits": """\
It is for pictures. The drawn shapes are those of European and American
schools.""",
}
CONFIG = Path(__file__).parent / "handwriting.toml"

ABSTENTION = """
| test images left unnamed | {test_abstained:.2%}, among them {test_wrong_abstained:.0%} of those that would be named wrongly |
| pictures without a digit left unnamed | {non_digits_abstained:.1%}, the mean of nine kinds: `docs/abstention.md` |"""
MEASURED = Path(__file__).parent / "results" / "abstention.json"


def train(name: str, folder: Path) -> Run:
    """Train the preset `name`, or `handwriting`, by the command line."""
    recipe = ["--preset", name]
    if name == "handwriting":
        recipe = ["--config", str(CONFIG)]
        write_dataset(Path(Recipe.read(CONFIG).dataset).parent)
    subprocess.run([sys.executable, "-m", "softreg", "train", *recipe, "--out", str(folder / name)], check=True)
    return Run(folder / name)


def ship(run: Run, name: str) -> None:
    """Copy a run without its figures, and write its card."""
    folder = PRETRAINED / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in (MODEL, RECIPE, METRICS, ENVIRONMENT):
        shutil.copyfile(run.path / file, folder / file)
    (folder / "MODEL_CARD.md").write_text(card(run, name), encoding="utf-8")


def card(run: Run, name: str) -> str:
    """The model card of a run."""
    environment, evaluation = run.environment, run.result["evaluation"]
    low, high = evaluation["accuracy_interval"]
    texts = HANDWRITING if name == "handwriting" else MNIST
    return CARD.format(
        name=name,
        **(texts | {"command": texts["command"].format(name=name)}),
        weights=sum(tensor.numel() for tensor in run.model().linear.parameters()),
        features=run.recipe.features,
        train_sha256=environment["data_sha256"]["train"],
        test_sha256=environment["data_sha256"]["test"],
        low=low,
        high=high,
        seconds=environment["train_seconds"],
        memory=environment["peak_rss_mib"],
        threads=f"{environment['threads']} thread" + "s" * (environment["threads"] != 1),
        processor=environment["processor"],
        sha256=run.result["model_sha256"],
        abstention=_abstention(run.result["model_sha256"]),
        **{key: evaluation[key] for key in ("accuracy", "nll", "ece")},
    )


def _abstention(sha256: str) -> str:
    """The card's rows on abstention, if `benchmarks.abstention` measured this very model."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    return ABSTENTION.format(**measured) if measured.get("model_sha256") == sha256 else ""


def main() -> None:
    """Train and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["best", "handwriting", "tutorial"])
    with tempfile.TemporaryDirectory() as folder:
        for name in parser.parse_args().names:
            ship(train(name, Path(folder)), name)


if __name__ == "__main__":
    main()
