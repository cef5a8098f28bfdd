"""How well pictures are read: MNIST images made into pictures of many kinds, `softreg predict` beside other readers.

    python -m benchmarks.pictures --split validation --model RUN
    python -m benchmarks.pictures --split test --count 50 --peers rapidocr otsu --write

For each kind: the share read right of the images themselves, of the pictures by `softreg predict`, of the pictures shrunk to
28 x 28, and, with `--peers`, by the readers of `benchmarks/peers.py`. `softreg predict` reads a picture right if the answer is just
its digit; to abstain is wrong, and so is a second digit. Beside it, the share had it never abstained. Every kind is made of other
images. Pictures that people took: `benchmarks/people.py`.
Everything was chosen on the validation split, the last 10,000 training images; the test images are for the final table.
"""

import argparse
import json
import statistics
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.peers import READERS, Reader, installed, is_right
from benchmarks.user_pictures import KINDS, Kind, in_a_row
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.imaging.picture import read_picture
from softreg.inference.prediction import predict
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import READER, pretrained_path
from softreg.runs.run import open_run

Bytes = NDArray[np.uint8]
RESULTS = Path(__file__).parent / "results"
WAYS = ("image", "softreg", "not_abstaining", "shrunk")


def shrunk(content: bytes) -> Bytes:
    """What most demos do: grey, 28 x 28, nothing else."""
    with Image.open(BytesIO(content)) as image:
        deep = image.mode.startswith("I")
        grey = Image.fromarray((np.asarray(image) / 257).astype(np.uint8)) if deep else image.convert("L")
    return np.asarray(grey.resize((28, 28), Image.Resampling.BILINEAR))


def right(model: SoftmaxRegression, images: list[Bytes], labels: Tensor) -> float:
    """The share of images that the model itself classifies right."""
    return float((model.logits(torch.from_numpy(np.stack(images))).argmax(1) == labels).float().mean())


def measure(kind: Kind, data: Dataset, chosen: Tensor, model: SoftmaxRegression, peers: dict[str, Reader]) -> dict[str, Any]:
    """One row of the table."""
    rng = np.random.default_rng(777)
    originals, labels = list(data.images[chosen].numpy()), data.labels[chosen]
    names = [data.classes[label] for label in labels.tolist()]
    contents = [kind(image, rng) for image in originals]
    start = time.process_time()
    answers = predict(model, [read_picture(content) for content in contents])
    seconds = time.process_time() - start
    readings = ["".join(reading.label for reading in answer.readings) for answer in answers]
    return {
        "kind": kind.__name__,
        "n": len(contents),
        "image": right(model, originals, labels),
        "softreg": statistics.mean(answer.label == name for answer, name in zip(answers, names, strict=True)),
        "not_abstaining": statistics.mean(text == name for text, name in zip(readings, names, strict=True)),
        "shrunk": right(model, [shrunk(content) for content in contents], labels),
        **{peer: statistics.mean(map(partial(is_right, reader), contents, names)) for peer, reader in peers.items()},
        "ms": 1000 * seconds / len(contents),
    }


def measure_rows(data: Dataset, count: int, model: SoftmaxRegression, peers: dict[str, Reader], digits: int = 5) -> dict[str, Any]:
    """Postal codes: how many have the right number of digits, and how many are read right altogether."""
    rng = np.random.default_rng(777)
    counted = whole = 0
    others = dict.fromkeys(peers, 0)
    for _ in range(count):
        chosen = torch.from_numpy(rng.integers(0, len(data.images), digits))
        content, code = in_a_row(data.images[chosen].numpy(), rng), "".join(data.classes[i] for i in data.labels[chosen].tolist())
        (answer,) = predict(model, [read_picture(content)])
        counted += len(answer.readings) == digits
        whole += answer.label == code
        for name, reader in peers.items():
            others[name] += is_right(reader, content, code)
    shares = {name: number / count for name, number in others.items()}
    return {"n": count, "digits": digits, "counted": counted / count, "softreg": whole / count, "peers": shares}


def markdown(result: dict[str, Any]) -> str:
    """The table for people."""
    rows, peers = [*result["rows"], result["all"]], list(result["in_a_row"]["peers"])
    titles = ["kind", "images", "`softreg predict`", "had it not abstained", "shrunk to 28 x 28", *peers, "CPU ms"]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for row in rows:
        lines.append(
            "| {} | {} | {} |".format(row["kind"], " | ".join(f"{row[way]:.1%}" for way in (*WAYS, *peers)), round(row["ms"]))
        )
    codes = "Postal codes of {digits} digits ({n}): {counted:.1%} cut right, {softreg:.1%} read right altogether.".format(
        **result["in_a_row"]
    )
    codes += "".join(f" {name} {share:.1%}." for name, share in result["in_a_row"]["peers"].items())
    return f"{result['pictures']} pictures of {result['split']} images.\n\n" + "\n".join(lines) + f"\n\n{codes}\n"


def main() -> None:
    """Print the table, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--model", type=Path, default=pretrained_path(READER), help="a run; by default the one that reads pictures")
    parser.add_argument("--count", type=int, default=434, help="pictures of each kind")
    parser.add_argument("--codes", type=int, default=1000, help="postal codes of five digits")
    parser.add_argument("--peers", nargs="*", choices=READERS, default=[], help="other readers, if installed")
    parser.add_argument("--kinds", nargs="*", help="only these")
    parser.add_argument("--write", action="store_true", help="into benchmarks/results")
    arguments = parser.parse_args()
    splits = load_dataset("mnist")
    data = splits.test if arguments.split == "test" else splits.hold_out(10_000).test
    model = open_run(arguments.model).model()
    parts = torch.randperm(len(data), generator=torch.Generator().manual_seed(777)).split(arguments.count)
    rows, peers = [], {name: reader for name, reader in installed().items() if name in arguments.peers}
    for index, kind in enumerate(KINDS):
        if not arguments.kinds or kind.__name__ in arguments.kinds:
            rows.append(measure(kind, data, parts[index % len(parts)], model, peers))
            print("{kind:14}".format(**rows[-1]), *(f"{way} {rows[-1][way]:7.2%} " for way in (*WAYS, *peers)), flush=True)
    result = {
        "split": arguments.split,
        "pictures": sum(row["n"] for row in rows),
        "rows": rows,
        "all": {"kind": "all"} | {name: statistics.mean(row[name] for row in rows) for name in (*WAYS, *peers, "ms")},
        "in_a_row": measure_rows(data, arguments.codes, model, peers),
    }
    print("\n" + markdown(result))
    if arguments.write:
        (RESULTS / "pictures.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "pictures.md").write_text(markdown(result), encoding="utf-8")


if __name__ == "__main__":
    main()
