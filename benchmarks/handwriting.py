"""The dataset of the shipped run `handwriting`: MNIST, MNIST on its way through a picture, and digits drawn as strokes.

    python -m benchmarks.handwriting build/handwriting      # four IDX files; `make pretrained` does it

In this order: the first 55,000 training images of MNIST; 11,917 drawn digits, of 1 three times and of 7 twice as many as of the
others, because MNIST has few of their shapes; 8,000 of the 55,000 made into pictures and brought back to 28 x 28 by
`softreg.imaging`; and, for calibration, the last 5,000 training images, every other one as such a picture, and 1,083 more drawn
digits. Calibration judges by images of which none was learned before. The test images are MNIST's own.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawn_digits import draw
from benchmarks.paper import ink_map
from benchmarks.pen import worn
from softreg.data.load import load_dataset
from softreg.imaging.normalization import normalize

Bytes = NDArray[np.uint8]

LEARNED = 55_000  # of MNIST's training images; the rest judges
DRAWN = (1000, 3000, 1000, 1000, 1000, 1000, 1000, 2000, 1000, 1000)  # of each digit
PICTURES = 8_000
HELD_OUT = 12  # one drawn digit in so many
SEED = 777


def through_a_picture(image: Bytes, rng: np.random.Generator) -> Bytes:
    """An image of MNIST drawn larger with another pen, turned a little, sometimes worn, and brought back to 28 x 28."""
    widen = rng.choice([-0.8, -0.4, 0.0, 0.4, 0.9])
    ink = ink_map(image, rng, canvas=(1, 1), field=rng.uniform(60, 200), angle=rng.uniform(-10, 10), widen=widen)
    return normalize(worn(ink, rng) if rng.random() < 0.2 else ink).image


def drawn(rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Drawn digits in random order, `uint8 (N, 28, 28)`, and their labels (N,)."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), DRAWN)
    rng.shuffle(labels)
    return np.stack([normalize(draw(int(label), rng)).image for label in labels]), labels


def training_images() -> tuple[Bytes, Bytes, int]:
    """Images and labels in the order above, and how many of the last are for calibration."""
    rng = np.random.default_rng(SEED)
    train = load_dataset("mnist").train
    images, labels = train.images.numpy(), train.labels.numpy().astype(np.uint8)
    strokes, digits = drawn(rng)
    held = len(strokes) // HELD_OUT
    chosen = rng.permutation(LEARNED)[:PICTURES]
    pictures = np.stack([through_a_picture(images[i], rng) for i in chosen])
    last = np.stack([through_a_picture(image, rng) if i % 2 else image for i, image in enumerate(images[LEARNED:])])
    parts = (images[:LEARNED], strokes[held:], pictures, last, strokes[:held])
    names = (labels[:LEARNED], digits[held:], labels[chosen], labels[LEARNED:], digits[:held])
    return np.concatenate(parts), np.concatenate(names), len(last) + held


def write_idx(path: Path, array: Bytes) -> None:
    """Write a `uint8` array as an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + np.ascontiguousarray(array).tobytes())


def write_dataset(folder: Path) -> int:
    """Write the four IDX files, and return how many of the last training images are for calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels, held = training_images()
    test = load_dataset("mnist").test
    write_idx(folder / "train-images-idx3-ubyte", images)
    write_idx(folder / "train-labels-idx1-ubyte", labels)
    write_idx(folder / "t10k-images-idx3-ubyte", test.images.numpy())
    write_idx(folder / "t10k-labels-idx1-ubyte", test.labels.numpy().astype(np.uint8))
    return held


def main() -> None:
    """Write the dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(write_dataset(parser.parse_args().folder), "images for calibration")


if __name__ == "__main__":
    main()
