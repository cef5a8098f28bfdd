"""The format `npz`: NumPy arrays by name, without pickle."""

import io

import numpy as np

from softreg.exporting.arrays import arrays, metadata
from softreg.model.softmax_regression import SoftmaxRegression


def to_bytes(model: SoftmaxRegression) -> bytes:
    """The bytes of an NPZ file that holds the metadata, the classes (C,), and the model's arrays."""
    file = io.BytesIO()
    scalars = {name: np.asarray(value) for name, value in metadata(model).items() if name != "classes"}
    np.savez(file, allow_pickle=False, classes=np.asarray(model.classes), **scalars, **arrays(model))
    return file.getvalue()
