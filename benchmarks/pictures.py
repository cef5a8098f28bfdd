"""How well pictures are read: MNIST images made into pictures of many kinds, softreg's way beside plain shrinking.

    python -m benchmarks.pictures --split validation --model RUN
    python -m benchmarks.pictures --split test --out benchmarks/results/pictures.json

For each kind: the share read right, of the images themselves, of the pictures by `softreg`, and of the pictures shrunk to 28 x 28.
A picture in which not exactly one digit is found counts as wrong. Everything was chosen on the validation split, the last 10,000
training images; the test images are for the final table.
"""

import argparse
import json
import statistics
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import softreg
from benchmarks.user_pictures import KINDS, Kind, in_a_row
from softreg.data import Dataset, load_dataset
from softreg.pictures import read_picture

Bytes = NDArray[np.uint8]
BLANK = np.zeros((28, 28), dtype=np.uint8)


def shrunk(content: bytes) -> Bytes:
    """What most demos do: grey, 28 x 28, nothing else."""
    with Image.open(BytesIO(content)) as image:
        deep = image.mode.startswith("I")
        grey = Image.fromarray((np.asarray(image) / 257).astype(np.uint8)) if deep else image.convert("L")
    return np.asarray(grey.resize((28, 28), Image.Resampling.BILINEAR))


def read(content: bytes) -> Bytes:
    """The image of the one digit in a picture, or a blank one."""
    digits = read_picture(content).digits
    return digits[0].image if len(digits) == 1 else BLANK


def right(model: nn.Module, images: list[Bytes], labels: torch.Tensor) -> torch.Tensor:
    """Whether each image is classified right, `bool (N,)`; blank ones are not."""
    stack = torch.from_numpy(np.stack(images))
    with torch.no_grad():
        answers = torch.cat([model(chunk).argmax(dim=1) for chunk in stack.split(2_000)])
    return (answers == labels) & (stack.flatten(1).amax(dim=1) > 0)


def measure(kind: Kind, data: Dataset, chosen: torch.Tensor, model: nn.Module) -> dict[str, Any]:
    """One row of the table."""
    rng = np.random.default_rng(777)
    originals = list(data.images[chosen].numpy())
    contents = [kind(image, rng) for image in originals]
    start = time.perf_counter()
    images = [read(content) for content in contents]
    seconds = time.perf_counter() - start
    ways = {"image": originals, "softreg": images, "shrunk": [shrunk(content) for content in contents]}
    row: dict[str, Any] = {"kind": kind.__name__, "n": len(contents), "ms": 1000 * seconds / len(contents)}
    return row | {way: float(right(model, found, data.labels[chosen]).float().mean()) for way, found in ways.items()}


def measure_rows(data: Dataset, count: int, model: nn.Module, digits: int = 5) -> dict[str, Any]:
    """Postal codes: how many have the right number of digits, and how many are read right altogether."""
    rng = np.random.default_rng(777)
    counted = whole = 0
    for _ in range(count):
        chosen = torch.from_numpy(rng.integers(0, len(data.images), digits))
        found = read_picture(in_a_row(data.images[chosen].numpy(), rng)).digits
        if len(found) == digits:
            counted += 1
            whole += bool(right(model, [digit.image for digit in found], data.labels[chosen]).all())
    return {"kind": "in_a_row", "n": count, "digits": digits, "counted": counted / count, "softreg": whole / count}


def main() -> None:
    """Print the table, and write it as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    best = Path(softreg.__file__).parent / "pretrained" / "best"
    parser.add_argument("--model", type=Path, default=best, help="a run; by default the one that comes with softreg")
    parser.add_argument("--count", type=int, default=1_000, help="pictures of each kind, each from another image")
    parser.add_argument("--kinds", nargs="*", help="only these")
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    splits = load_dataset("mnist")
    data = splits.test if args.split == "test" else splits.validation(10_000).test
    model = softreg.load(args.model)
    chosen = torch.randperm(len(data), generator=torch.Generator().manual_seed(777))[: args.count]
    rows = []
    for kind in KINDS:
        if not args.kinds or kind.__name__ in args.kinds:
            rows.append(measure(kind, data, chosen, model))
            line = "{kind:14} image {image:7.2%}  softreg {softreg:7.2%}  shrunk {shrunk:7.2%}  {ms:6.1f} ms"
            print(line.format(**rows[-1]), flush=True)
    overall = statistics.mean(row["softreg"] for row in rows), statistics.mean(row["shrunk"] for row in rows)
    print(f"{'all':14} {'':13}  softreg {overall[0]:7.2%}  shrunk {overall[1]:7.2%}")
    codes = measure_rows(data, args.count // 5, model)
    print("postal codes of {digits}: {counted:.2%} cut right, {softreg:.2%} read right".format(**codes))
    if args.out:
        result = {"split": args.split, "rows": rows, "softreg": overall[0], "shrunk": overall[1], "in_a_row": codes}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
