"""The figures of a run: five, and none of them blank."""

import io
from typing import Any

import numpy as np
from PIL import Image

from softreg.runs.run import Run

NAMES = ["class-templates.png", "confusion.png", "learning-curve.png", "test-sample.png", "worst-mistakes.png"]


def pixels(content: bytes) -> "np.ndarray[Any, Any]":
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_run_has_its_five_figures(tutorial_run: Run) -> None:
    folder = tutorial_run.path / "figures"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    for name in NAMES:
        image = pixels((folder / name).read_bytes())
        assert image.shape[1] >= 400
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20, f"{name} is blank"
