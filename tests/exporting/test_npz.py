"""NPZ by the NumPy reader that docs/export.md prints."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.exporting.export import export, to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from tests.helpers.agreement import agree

EXPORT_MD = Path(__file__).parents[2] / "docs" / "export.md"


def documented() -> dict[str, Any]:
    """The numpy reader printed in docs/export.md."""
    names: dict[str, Any] = {}
    (text,) = (block for block in re.findall(r"```python\n(.*?)```", EXPORT_MD.read_text(), re.DOTALL) if "def logits" in block)
    exec(text, names)
    return names


def test_npz_by_the_documented_reader(
    model: SoftmaxRegression, images: NDArray[np.uint8], expected: NDArray[np.float32], tmp_path: Path
) -> None:
    export(model, "npz", tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        loaded = dict(file)
    assert loaded["classes"].tolist() == list(model.classes)
    for name, buffer in model.features.named_buffers():
        np.testing.assert_array_equal(loaded[f"features.{name}"], buffer.numpy())
    if model.features.name in ("pixels", "deskew", "patches"):
        logits = documented()["logits"]
        agree(np.concatenate([logits(images[i : i + 500], loaded) for i in range(0, len(images), 500)]), expected)
    assert to_bytes(model, "npz") == to_bytes(model, "npz")
