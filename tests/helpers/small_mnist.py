"""A small real dataset, the first images of the bundled MNIST as a folder of four IDX files, and one recipe per solver for it."""

from pathlib import Path

from softreg.data.load import load_dataset
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import Recipe
from tests.helpers.http_mirror import idx


def small_mnist(folder: Path, train: int = 1000, test: int = 200) -> Path:
    """Write the first `train` and `test` images into `folder`."""
    splits = load_dataset("mnist")
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", splits.train[:train]), ("t10k", splits.test[:test])):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(part.images.numpy()))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(part.labels.numpy().astype("uint8")))
    return folder


def recipes(dataset: Path, l2: float = 1e-3, tol: float = 1e-7, large_batch: int = 700) -> dict[str, Recipe]:
    """A recipe for each solver that trains in a fraction of a second."""
    sgd = Recipe(dataset=str(dataset), epochs=30, batch_size=50)
    others = {name: Recipe(dataset=str(dataset), solver=name, l2=l2, tol=tol) for name in SOLVERS if name != "sgd"}
    large = Recipe(dataset=str(dataset), epochs=8, batch_size=large_batch)  # batches large enough for several threads
    return {"sgd": sgd, "sgd-large": large} | others
