"""Datasets: where images and labels come from, verified before they are believed."""

from pathlib import Path

from softreg.data.dataset import Dataset, Splits
from softreg.data.idx import read_idx

__all__ = ["Dataset", "Splits", "load_dataset"]


def load_dataset(name: str) -> Splits:
    """The training and test images of a dataset known by name, or in a folder of four IDX files."""
    folder = Path(__file__).parent / "mnist"
    classes = tuple("0123456789")
    train, test = (
        Dataset(read_idx(folder / f"{part}-images-idx3-ubyte.gz"), read_idx(folder / f"{part}-labels-idx1-ubyte.gz").long(), classes, name)
        for part in ("train", "t10k")
    )
    return Splits(train, test)
