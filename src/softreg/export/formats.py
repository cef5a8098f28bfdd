"""A run's model in the formats others read: ONNX, NPZ, JSON. docs/export.md tells what is in them and how to use it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from softreg.errors import MissingExtraError, RunError
from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.atomic import write_bytes

LAYOUT = 1  # of NPZ and JSON


def export(model: SoftmaxRegression, form: str, path: Path, *, force: bool = False) -> None:
    """Write `model` to the file `path` in the format `form`: onnx, npz or json.

    Raises
    ------
    RunError
        If the file is there and not `force`, or the features cannot be expressed in that format.
    MissingExtraError
        If the format needs what is not installed.
    WriteError
        If the system refuses to write.
    """
    if path.exists() and not force:
        raise RunError("export.in_the_way", path=path)
    write_bytes(path, FORMATS[form](model))


def to_onnx(model: SoftmaxRegression) -> bytes:
    """The bytes of an ONNX file: uint8 images (N, 28, 28) -> logits and probabilities (N, C)."""
    try:
        from softreg.export.onnx_graph import onnx_graph
    except ModuleNotFoundError as error:
        raise MissingExtraError("export.missing_extra", package=error.name) from error
    proto = onnx_graph(model, {name: str(value) for name, value in _about(model).items()})
    return bytes(proto.SerializeToString(deterministic=True))


def to_npz(model: SoftmaxRegression) -> bytes:
    """The bytes of an NPZ file: the arrays by name, no pickle in it."""
    file = io.BytesIO()
    about = {name: np.asarray(value) for name, value in _about(model).items() if name != "classes"}
    np.savez(file, allow_pickle=False, classes=np.asarray(model.classes), **about, **_arrays(model))
    return file.getvalue()


def to_json(model: SoftmaxRegression) -> bytes:
    """The bytes of a JSON file; every number has the digits that give the same float32 back, and no more."""
    about = _about(model) | {"classes": list(model.classes)}
    return (
        json.dumps(about | {name: _digits(array) for name, array in _arrays(model).items()}, ensure_ascii=False) + "\n"
    ).encode()


FORMATS: dict[str, Callable[[SoftmaxRegression], bytes]] = {"onnx": to_onnx, "npz": to_npz, "json": to_json}


def _about(model: SoftmaxRegression) -> dict[str, Any]:
    """What a reader needs to know besides the numbers."""
    return {
        "softreg_layout": LAYOUT,
        "features": model.features.name,
        "classes": json.dumps(model.classes, ensure_ascii=False),
        "input": "uint8 (N, 28, 28), bright ink on black",
        "sha256": model_to_bytes(model)[1],
    }


def _arrays(model: SoftmaxRegression) -> "dict[str, np.ndarray[Any, np.dtype[np.float32]]]":
    """weight (C, D), bias (C,), and every number the features use, as `features.NAME`."""
    buffers = {f"features.{name}": buffer for name, buffer in model.features.named_buffers()}
    tensors = {"weight": model.linear.weight, "bias": model.linear.bias} | buffers
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _digits(array: "np.ndarray[Any, np.dtype[np.float32]]") -> Any:
    """Nested lists of the shortest decimals that are these float32."""
    return [float(str(value)) for value in array] if array.ndim == 1 else [_digits(row) for row in array]
