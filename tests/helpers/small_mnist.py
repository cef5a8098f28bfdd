"""A small real dataset: the first images of the bundled MNIST as a folder of four IDX files, and recipes for it, one a solver."""

import struct
from pathlib import Path

import numpy as np
from torch import Tensor

from softreg.data.load import load_dataset
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import Recipe


def small_mnist(folder: Path, train: int = 1000, test: int = 200) -> Path:
    """Write the first `train` and `test` images into `folder`."""
    splits = load_dataset("mnist")
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", splits.train[:train]), ("t10k", splits.test[:test])):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(_idx(part.images))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(_idx(part.labels))
    return folder


def recipes(dataset: Path) -> dict[str, Recipe]:
    """A training of a fraction of a second by each solver."""
    sgd = Recipe(dataset=str(dataset), epochs=30, batch_size=50)
    others = {name: Recipe(dataset=str(dataset), solver=name, l2=1e-3, tol=1e-7) for name in SOLVERS if name != "sgd"}
    large = Recipe(dataset=str(dataset), epochs=8, batch_size=700)  # batches large enough for more threads than one
    return {"sgd": sgd, "sgd-large": large} | others


def _idx(values: Tensor) -> bytes:
    array = values.numpy().astype(np.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
