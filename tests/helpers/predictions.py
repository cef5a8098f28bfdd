"""Predictions made by hand."""

import numpy as np
import torch

from softreg.imaging.picture import Digit, Picture
from softreg.inference.prediction import DigitPrediction, Prediction


def predicted_row(reasons: tuple[str | None, ...], lines: tuple[int, ...]) -> Prediction:
    """Digits 0, 1, 2, ... on lines of these lengths, not named where there is a reason."""
    digits = tuple(
        Digit(np.full((28, 28), 9, np.uint8), (float(i), 2.0, 3.0, 4.0), np.eye(2, 3), 1, 2.0, 0.5) for i in range(len(reasons))
    )
    picture = Picture("row.png", (99, 9), (), (), digits, None, lines)
    rows = torch.eye(10) * 0.9 + 0.01
    classes = tuple("0123456789")
    readings = tuple(
        DigitPrediction(digit, rows[i].log(), rows[i], classes, reason)
        for i, (digit, reason) in enumerate(zip(digits, reasons, strict=True))
    )
    return Prediction(picture, readings, classes)
