"""The dataset of the shipped run `handwriting`: MNIST, MNIST bent and made into pictures, digits drawn as strokes or of typefaces.

    python -m benchmarks.handwriting build/handwriting      # two files; `make pretrained` does it

In this order: the training images of MNIST; digits of handwriting typefaces; drawn digits, most of 1, 6 and 7, of whose shapes
MNIST has few; and twice the training images of MNIST bent a little, and, bent in other ways, made into pictures and brought back to
28 x 28 by `softreg.imaging`, with another pen and other mishaps, and as they are. The array `source` says what an image was made
from: an image of MNIST and all that was made of it, or the digits of one typeface, have the same number, so that `softreg train
--group source` holds out all of them for calibration or none. The test images are MNIST's own. The second file holds letters of
the same typefaces and drawn ones, and marks of `benchmarks/marks.py`, for the detector of what is no digit.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.drawn_digits import draw
from benchmarks.drawn_letters import letter
from benchmarks.marks import mark
from benchmarks.paper import ink_map
from benchmarks.pen import bent, bitmap, worn
from benchmarks.typefaces import LETTERS as CHARACTERS
from benchmarks.typefaces import fetch, glyph, names
from softreg.data.augmentation import elastic_transform
from softreg.data.idx_writer import write_idx_array
from softreg.data.load import load_dataset
from softreg.imaging.normalization import normalize

Bytes = NDArray[np.uint8]

DRAWN = (1500, 8000, 1500, 1700, 2200, 1700, 4200, 7000, 1500, 3500)  # of each digit
OF_TYPEFACES = 7_000
LETTERS, MARKS, DRAWN_LETTERS = 4_000, 3_500, 1_500
SEED, LETTERS_SEED = 777, 99
DRAWN_SEED, TYPEFACES_SEED = 1001, 1002
PEN_SEEDS, ENLARGED_SEEDS, BENT_SEEDS = (1003, 2003), (1004, 2004), (1005, 2005)
BEND = 0.5  # of the elastic deformations of `softreg train --copies`


def through_a_picture(image: Bytes, rng: np.random.Generator) -> Bytes:
    """An image of MNIST drawn larger with another pen, turned a little, sometimes bent, worn or very small, and brought back."""
    widen = rng.choice([-0.8, -0.4, 0.0, 0.4, 0.9, 1.6])
    ink = ink_map(image, rng, canvas=(1, 1), field=rng.uniform(56, 112), angle=rng.uniform(-10, 10), widen=widen)
    ink = bent(ink, rng) if rng.random() < 0.3 else ink
    kind = rng.random()
    return normalize(worn(ink, rng) if kind < 0.2 else bitmap(ink, rng) if kind < 0.5 else ink).image


def enlarged(image: Bytes, rng: np.random.Generator) -> Bytes:
    """An image of MNIST drawn larger with the same pen, turned a little, and brought back."""
    return normalize(ink_map(image, rng, canvas=(1, 1), field=rng.uniform(60, 160), angle=rng.uniform(-8, 8))).image


def elastic(images: Bytes, seed: int) -> Bytes:
    """Each of the images uint8 (N, 28, 28), turned, stretched and bent a little."""
    return elastic_transform(torch.from_numpy(images), torch.Generator().manual_seed(seed), BEND).numpy()


def pictured(images: Bytes, way: Callable[[Bytes, np.random.Generator], Bytes], seed: int) -> Bytes:
    """Each of the images uint8 (N, 28, 28), bent a little, in one of these ways."""
    rng = np.random.default_rng(seed)
    return np.stack([way(image, rng) for image in elastic(images, seed)])


def drawn(rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Drawn digits in random order, `uint8 (N, 28, 28)`, and their labels (N,)."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), DRAWN)
    rng.shuffle(labels)
    return np.stack([normalize(draw(int(label), rng)).image for label in labels]), labels


def of_typefaces(characters: str, count: int, rng: np.random.Generator) -> tuple[Bytes, Bytes, NDArray[np.int64]]:
    """Characters of the typefaces, `uint8 (N, 28, 28)`, which of `characters` each is (N,), and of which typeface (N,)."""
    faces = names("learned")
    of_face, chosen = (rng.integers(0, n, count) for n in (len(faces), len(characters)))
    made = [normalize(glyph(faces[face], characters[index], rng)).image for face, index in zip(of_face, chosen, strict=True)]
    return np.stack(made), chosen.astype(np.uint8), of_face


def training_images() -> tuple[Bytes, Bytes, NDArray[np.int64]]:
    """Images and labels in the order above, and what they come from: a group of images is made of one image, or one typeface."""
    train = load_dataset("mnist").train
    images, labels = train.images.numpy(), train.labels.numpy().astype(np.uint8)
    strokes = drawn(np.random.default_rng(DRAWN_SEED))
    characters = of_typefaces("0123456789", OF_TYPEFACES, np.random.default_rng(TYPEFACES_SEED))
    made = list[Bytes]()
    for bend, pen, enlargement in zip(BENT_SEEDS, PEN_SEEDS, ENLARGED_SEEDS, strict=True):
        made += elastic(images, bend), pictured(images, through_a_picture, pen), pictured(images, enlarged, enlargement)
    own = np.arange(len(images))
    groups = own, len(images) + characters[2], len(images) + 1000 + np.arange(len(strokes[0])), *[own] * len(made)
    xs = images, characters[0], strokes[0], *made
    ys = labels, characters[1], strokes[1], *[labels] * len(made)
    return np.concatenate(xs), np.concatenate(ys), np.concatenate(groups)


def outliers() -> Bytes:
    """What is no digit, `uint8 (N, 28, 28)`: letters of typefaces, marks, and letters drawn as strokes."""
    rng, train = np.random.default_rng(SEED + 1), load_dataset("mnist").train
    letters = of_typefaces(CHARACTERS, LETTERS, rng)[0]
    images, labels = train.images.numpy(), train.labels.numpy().astype(np.uint8)
    strokes = np.random.default_rng(LETTERS_SEED)
    made = [mark(images, labels, rng) for _ in range(MARKS)] + [letter(strokes) for _ in range(DRAWN_LETTERS)]
    return np.concatenate([letters, np.stack([normalize(ink).image for ink in made])])


def write_dataset(folder: Path) -> None:
    """Write the digits and the outliers."""
    folder.mkdir(parents=True, exist_ok=True)
    fetch()
    images, labels, groups = training_images()
    test = load_dataset("mnist").test
    digits, truth = test.images.numpy(), test.labels.numpy()
    learned = {"train_images": images, "train_labels": labels}
    np.savez(folder / "digits.npz", allow_pickle=False, **learned, source=groups, test_images=digits, test_labels=truth)
    write_idx_array(folder / "outliers-images-idx3-ubyte", outliers())


def main() -> None:
    """Write the dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write_dataset(parser.parse_args().folder)


if __name__ == "__main__":
    main()
