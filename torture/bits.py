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


def damage_everywhere() -> Count:
    """Damage the file in all these ways, and count what is refused; what is not is bad."""
    whole, _ = model_to_bytes(small_model())
    model_from_bytes(whole, Path("model.safetensors"))
    count = Count(0, [], {"truncations": len(whole), "flips": 8 * len(whole)})
    for length in range(len(whole)):
        _must_refuse(whole[:length], f"cut to {length} bytes", count)
    damaged = bytearray(whole)
    for bit in range(8 * len(whole)):
        damaged[bit // 8] ^= 1 << bit % 8
        _must_refuse(bytes(damaged), f"bit {bit} flipped", count)
        damaged[bit // 8] ^= 1 << bit % 8
    return count


def _must_refuse(raw: bytes, damage: str, count: Count) -> None:
    count.done += 1
    try:
        model_from_bytes(raw, Path("model.safetensors"))
        count.bad.append(f"{damage}: read all the same")
    except RunError:
        return
    except Exception as error:
        count.bad.append(f"{damage}: {type(error).__name__} {error}")
