"""What every export holds: the arrays of a model by name, and the metadata that says what they mean."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression

SCHEMA_VERSION = 1  # of the names below


def metadata(model: SoftmaxRegression) -> dict[str, Any]:
    """What a reader needs to know besides the arrays."""
    return {
        "softreg_layout": SCHEMA_VERSION,
        "features": model.features.name,
        "classes": json.dumps(model.classes, ensure_ascii=False),
        "input": _input(model),
        "sha256": model_to_bytes(model)[1],
    }


def _input(model: SoftmaxRegression) -> str:
    """What the model takes, in words."""
    shape = ", ".join(map(str, model.image_shape))
    if not model.takes_images:
        return f"float32 (N, {shape}), embeddings"
    return f"uint8 (N, {shape})" + (", bright ink on black" if len(model.image_shape) == 2 else "")


def arrays(model: SoftmaxRegression) -> dict[str, NDArray[np.float32]]:
    """weight (C, D), bias (C,), and each buffer of the features as `features.NAME`."""
    buffers = {f"features.{name}": buffer for name, buffer in model.features.named_buffers()}
    tensors = {"weight": model.linear.weight, "bias": model.linear.bias} | buffers
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
