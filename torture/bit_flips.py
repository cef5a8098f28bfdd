"""Every truncation length and every single-bit flip of a model file."""

from pathlib import Path

import torch

from softreg.errors import RunError
from softreg.features.registry import make_feature_map
from softreg.model.serialization import model_from_bytes, model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from torture.count import Count


def small_model() -> SoftmaxRegression:
    """Two classes on pixels: 6.6 kB."""
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(1)))
    return model


def flip_every_bit() -> Count:
    """Truncate the file at every length and flip every bit of it; a damaged file that is read is a failure."""
    content, _ = model_to_bytes(small_model())
    model_from_bytes(content, Path("model.safetensors"))
    count = Count(details={"truncations": len(content), "flips": 8 * len(content)})
    for length in range(len(content)):
        _expect_refusal(content[:length], f"cut to {length} bytes", count)
    damaged = bytearray(content)
    for bit in range(8 * len(content)):
        damaged[bit // 8] ^= 1 << bit % 8
        _expect_refusal(bytes(damaged), f"bit {bit} flipped", count)
        damaged[bit // 8] ^= 1 << bit % 8
    return count


def _expect_refusal(content: bytes, damage: str, count: Count) -> None:
    count.done += 1
    try:
        model_from_bytes(content, Path("model.safetensors"))
        count.failures.append(f"{damage}: accepted")
    except RunError:
        return
    except Exception as error:
        count.failures.append(f"{damage}: {type(error).__name__} {error}")
