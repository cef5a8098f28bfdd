"""Grey of more than eight bits a pixel: 16-bit scans, float TIFFs."""

import numpy as np
from numpy.typing import NDArray

LARGEST = np.float32(1e30)  # of a pixel of a float TIFF


def thinned_out(values: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """As float, each pixel the mean of a square of them where the longer side is many more than `side`; no float copy of all."""
    step = max(1, max(values.shape) // side)
    if step > min(values.shape):  # a ribbon: only along it
        along = int(np.argmax(values.shape))
        ribbon = np.moveaxis(values, along, 0)
        pieces = ribbon[: len(ribbon) // step * step].reshape(-1, step, min(values.shape))
        return np.moveaxis(_finite(pieces.mean(axis=1, dtype=np.float64)), 0, along)
    height, width = (length // step for length in values.shape)
    if step == 1:
        return _finite(values)
    parts = [values[i::step, j::step][:height, :width] for i in range(step) for j in range(step)]
    total = np.zeros((height, width), dtype=np.float32)
    for part in parts:
        total += _finite(part)
    return np.asarray(total / len(parts), dtype=np.float32)


def _finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """As float; what is no number is zero, and none is so large that a sum of them or a difference were infinite."""
    floats = np.nan_to_num(values.astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    return np.clip(floats, -LARGEST, LARGEST, out=floats)


def eight_bits(grey: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
    """Grey of more than 8 bits, or float, brought to [0, 255]. 16 bits are divided by 257, so that 65535 becomes 255."""
    low, high = float(grey.min()), float(grey.max())
    if low >= 0 and high <= 255 and (whole or high > 1):
        return grey
    if low >= 0 and high <= 65535 and whole:
        return grey / np.float32(257)
    if low >= 0 and high <= 1:
        return grey * np.float32(255)
    return (grey - np.float32(low)) * np.float32(255 / max(high - low, 1e-30))
