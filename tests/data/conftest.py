"""The same 300 training and 60 test images in every form, each written by the form's own library."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softreg.data.dataset import Splits
from tests.helpers.http_mirror import idx

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def arrays(mnist: Splits) -> Arrays:
    """x_train (300, 28, 28), y_train (300,), x_test (60, 28, 28), y_test (60,)."""
    train, test = mnist.train[:300], mnist.test[:60]
    return (
        train.images.numpy(),
        train.labels.numpy().astype(np.uint8),
        test.images.numpy(),
        test.labels.numpy().astype(np.uint8),
    )


@pytest.fixture(scope="session")
def idx_folder(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As IDX: what every other form must equal."""
    folder = tmp_path_factory.mktemp("idx")
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name, array in zip(names, arrays, strict=True):
        (folder / f"{name}-ubyte").write_bytes(idx(array))
    return folder


def write_csv(folder: Path, arrays: Arrays) -> Path:
    """As Kaggle has them, by pandas."""
    import pandas as pd

    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        frame = pd.DataFrame(x.reshape(len(x), -1), columns=[f"pixel{n}" for n in range(784)])
        frame.insert(0, "label", y)
        frame.to_csv(folder / f"{part}.csv", index=False)
    return folder


def write_npz(folder: Path, arrays: Arrays) -> Path:
    """As Keras has them, by numpy."""
    x_train, y_train, x_test, y_test = arrays
    np.savez_compressed(folder / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder / "mnist.npz"


def write_npy(folder: Path, arrays: Arrays) -> Path:
    """A file for each array, by numpy."""
    for name, array in zip(("X_train", "y_train", "X_test", "y_test"), arrays, strict=True):
        np.save(folder / f"{name}.npy", array)
    return folder


def write_pictures(folder: Path, arrays: Arrays, suffix: str = "png") -> Path:
    """A folder for each class, by Pillow. The names keep the order within a class."""
    from PIL import Image

    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        for number, (image, label) in enumerate(zip(x, y, strict=True)):
            path = folder / part / str(label) / f"{number:05d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


def write_picture_table(folder: Path, arrays: Arrays) -> Path:
    """As competitions have pictures: by Pillow, with a table of their ids by pandas."""
    import pandas as pd
    from PIL import Image

    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        (folder / f"{part}_images").mkdir()
        for number, image in enumerate(x):
            Image.fromarray(image).save(folder / f"{part}_images" / f"{part}{number}.png")
        pd.DataFrame({"id": [f"{part}{number}" for number in range(len(y))], "label": y}).to_csv(
            folder / f"{part}.csv", index=False
        )
    return folder


def write_parquet(folder: Path, arrays: Arrays) -> Path:
    """As the hub has them, by pyarrow: PNG bytes in a struct, class names in the metadata, training images in two files."""
    import pyarrow as pa
    from PIL import Image
    from pyarrow import parquet

    features = {"image": {"_type": "Image"}, "label": {"names": list("0123456789"), "_type": "ClassLabel"}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    x, y, tx, ty = arrays
    for name, images, labels in (
        ("train-00000-of-00002", x[:200], y[:200]),
        ("train-00001-of-00002", x[200:], y[200:]),
        ("test-00000-of-00001", tx, ty),
    ):
        rows = []
        for image, label in zip(images, labels.tolist(), strict=True):
            buffer = BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            rows.append({"image": {"bytes": buffer.getvalue(), "path": None}, "label": label})
        parquet.write_table(pa.Table.from_pylist(rows, schema), folder / f"{name}.parquet")
    return folder


def write_mat(folder: Path, arrays: Arrays) -> Path:
    """As MATLAB keeps images, the index last, by scipy."""
    from scipy.io import savemat

    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        savemat(folder / f"{part}_28x28.mat", {"X": np.moveaxis(x, 0, -1), "y": y[:, None]}, do_compression=True)
    return folder


WRITERS: dict[str, Callable[[Path, Arrays], Path]] = {
    "csv": write_csv,
    "npz": write_npz,
    "npy": write_npy,
    "folders": write_pictures,
    "picture table": write_picture_table,
    "parquet": write_parquet,
    "mat": write_mat,
}
