"""The format `json`: every number as text."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.exporting.arrays import arrays, metadata
from softreg.model.softmax_regression import SoftmaxRegression


def to_bytes(model: SoftmaxRegression) -> bytes:
    """The bytes of a JSON file; each number is the shortest decimal that is read back as the same float32."""
    values = {name: _shortest_decimals(array) for name, array in arrays(model).items()}
    text = json.dumps(metadata(model) | {"classes": list(model.classes)} | values, ensure_ascii=False)
    return f"{text}\n".encode()


def _shortest_decimals(array: NDArray[np.float32]) -> Any:
    """Nested lists of the shortest decimals that equal these float32."""
    return [float(str(value)) for value in array] if array.ndim == 1 else [_shortest_decimals(row) for row in array]
