"""MNIST made large: each training image many times over, each time through another small affine map, streamed to an IDX folder.

    python -m benchmarks.deformed 960000 FOLDER [--seed 777]      8,100,000 images are 6.3 GB

Image i is training image i mod 60,000, turned by up to 8 degrees, sheared by up to 0.1, stretched by up to 8 %, shifted up to a
pixel; the first 60,000 are MNIST itself. The same number and seed give the same bytes, and a smaller number the beginning of them.
The test images are MNIST's. Peak memory does not depend on the number. `softreg train --dataset FOLDER` learns from it, mapped.
"""

import argparse
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset

CHUNK = 2000
TURN, SHEAR, STRETCH, SHIFT = math.radians(8), 0.1, 0.08, 1 / 14  # at most; the last in half widths of an image


def deformed(images: Tensor, generator: Generator) -> Tensor:
    """Images uint8 (B, 28, 28), each through an affine map of its own."""
    turn, shear, *rest = (2 * torch.rand(6, len(images), generator=generator) - 1).unbind()  # each (B,)
    turn, across, down = TURN * turn, 1 + STRETCH * rest[0], 1 + STRETCH * rest[1]
    cosine, sine = turn.cos(), turn.sin()
    first = torch.stack([cosine * across, SHEAR * shear - sine, SHIFT * rest[2]], 1)  # (B, 3)
    second = torch.stack([sine, cosine * down, SHIFT * rest[3]], 1)
    places = affine_grid(torch.stack([first, second], 1), [len(images), 1, 28, 28], align_corners=False)  # (B, 28, 28, 2)
    return grid_sample(images[:, None].float(), places, align_corners=False)[:, 0].round().to(torch.uint8)


def chunks(data: Dataset, count: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and labels, some thousand at a time; each chunk has a generator of its own."""
    for start in range(0, count, CHUNK):
        index = torch.arange(start, min(start + CHUNK, count)) % len(data)
        images = data.images[index]
        yield images if start < len(data) else deformed(images, Generator().manual_seed(seed + start)), data.labels[index]


def write(data: Dataset, folder: Path, part: str, count: int, seed: int) -> None:
    """`count` images and their labels as two IDX files."""
    with (folder / f"{part}-images-idx3-ubyte").open("wb") as images, (folder / f"{part}-labels-idx1-ubyte").open("wb") as labels:
        images.write(struct.pack(">HBB3I", 0, 8, 3, count, 28, 28))
        labels.write(struct.pack(">HBB1I", 0, 8, 1, count))
        for x, y in chunks(data, count, seed):
            images.write(x.numpy().data)
            labels.write(y.to(torch.uint8).numpy().data)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=777)
    options = parser.parse_args()
    mnist = load_dataset("mnist")
    options.folder.mkdir(parents=True, exist_ok=True)
    write(mnist.train, options.folder, "train", options.count, options.seed)
    write(mnist.test, options.folder, "t10k", len(mnist.test), options.seed)


if __name__ == "__main__":
    main()
