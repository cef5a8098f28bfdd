"""The dataset of the shipped run `handwriting`: MNIST, MNIST on its way through a picture, digits drawn as strokes or of typefaces.

    python -m benchmarks.handwriting build/handwriting      # five IDX files; `make pretrained` does it

In this order: the first 55,000 training images of MNIST; drawn digits, most of 1 and 7, of whose shapes MNIST has few; digits of
handwriting typefaces; 10,000 of the 55,000 made into pictures and brought back to 28 x 28 by `softreg.imaging`; and the last
5,000 training images as such pictures only, with one in twelve of the drawn digits and of the typefaces'. `softreg train` mixes
them all before it holds the last out for calibration, so calibration judges by a sample of every part. The test images are
MNIST's own. A fifth file holds letters of the same typefaces, and marks of `benchmarks/marks.py`, for the detector of what is no
digit.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawn_digits import draw
from benchmarks.marks import mark
from benchmarks.paper import ink_map
from benchmarks.pen import bitmap, worn
from benchmarks.typefaces import LETTERS as CHARACTERS
from benchmarks.typefaces import fetch, glyph, names
from softreg.data.load import load_dataset
from softreg.imaging.normalization import normalize

Bytes = NDArray[np.uint8]

LEARNED = 55_000  # of MNIST's training images; the rest judges
DRAWN = (1000, 3000, 1000, 1000, 1000, 1000, 1800, 2700, 1000, 1500)  # of each digit
OF_TYPEFACES = 4_000
LETTERS, MARKS = 4_000, 3_500
PICTURES = 10_000
HELD_OUT = 12  # one drawn digit in so many
SEED = 777


def through_a_picture(image: Bytes, rng: np.random.Generator) -> Bytes:
    """An image of MNIST drawn larger with another pen, turned a little, sometimes worn or very small, and brought back."""
    widen = rng.choice([-0.8, -0.4, 0.0, 0.4, 0.9])
    ink = ink_map(image, rng, canvas=(1, 1), field=rng.uniform(60, 200), angle=rng.uniform(-10, 10), widen=widen)
    kind = rng.random()
    return normalize(worn(ink, rng) if kind < 0.2 else bitmap(ink, rng) if kind < 0.4 else ink).image


def drawn(rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Drawn digits in random order, `uint8 (N, 28, 28)`, and their labels (N,)."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), DRAWN)
    rng.shuffle(labels)
    return np.stack([normalize(draw(int(label), rng)).image for label in labels]), labels


def of_typefaces(characters: str, count: int, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Characters of the typefaces, `uint8 (N, 28, 28)`, and which of `characters` each is (N,)."""
    faces, chosen = rng.choice(names("learned"), count), rng.integers(0, len(characters), count).astype(np.uint8)
    made = [normalize(glyph(str(face), characters[index], rng)).image for face, index in zip(faces, chosen, strict=True)]
    return np.stack(made), chosen


def training_images() -> tuple[Bytes, Bytes, int]:
    """Images and labels in the order above, and how many of the last are for calibration."""
    rng = np.random.default_rng(SEED)
    train = load_dataset("mnist").train
    images, labels = train.images.numpy(), train.labels.numpy().astype(np.uint8)
    made = [drawn(rng), of_typefaces("0123456789", OF_TYPEFACES, rng)]
    chosen = rng.permutation(LEARNED)[:PICTURES]
    pictures = np.stack([through_a_picture(images[i], rng) for i in chosen])
    last = np.stack([through_a_picture(image, rng) for image in images[LEARNED:]])
    learned = [(images[:LEARNED], labels[:LEARNED]), *((x[len(x) // HELD_OUT :], y[len(x) // HELD_OUT :]) for x, y in made)]
    judging = [(last, labels[LEARNED:]), *((x[: len(x) // HELD_OUT], y[: len(x) // HELD_OUT]) for x, y in made)]
    xs, ys = zip(*learned, (pictures, labels[chosen]), *judging, strict=True)
    return np.concatenate(xs), np.concatenate(ys), sum(len(x) for x, _ in judging)


def outliers() -> Bytes:
    """What is no digit, `uint8 (N, 28, 28)`: letters, and marks."""
    rng, train = np.random.default_rng(SEED + 1), load_dataset("mnist").train
    letters = of_typefaces(CHARACTERS, LETTERS, rng)[0]
    images, labels = train.images[:LEARNED].numpy(), train.labels[:LEARNED].numpy().astype(np.uint8)
    return np.concatenate([letters, np.stack([normalize(mark(images, labels, rng)).image for _ in range(MARKS)])])


def write_idx(path: Path, array: Bytes) -> None:
    """Write a `uint8` array as an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + np.ascontiguousarray(array).tobytes())


def write_dataset(folder: Path) -> int:
    """Write the five IDX files, and return how many of the last training images are for calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    fetch()
    images, labels, held = training_images()
    test = load_dataset("mnist").test
    write_idx(folder / "train-images-idx3-ubyte", images)
    write_idx(folder / "train-labels-idx1-ubyte", labels)
    write_idx(folder / "t10k-images-idx3-ubyte", test.images.numpy())
    write_idx(folder / "t10k-labels-idx1-ubyte", test.labels.numpy().astype(np.uint8))
    write_idx(folder / "outliers-images-idx3-ubyte", outliers())
    return held


def main() -> None:
    """Write the dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(write_dataset(parser.parse_args().folder), "images for calibration")


if __name__ == "__main__":
    main()
