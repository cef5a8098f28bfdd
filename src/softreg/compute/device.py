"""Where to compute."""

import torch

from softreg.errors import RecipeError


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes cuda, then mps, then cpu.

    Raises
    ------
    RecipeError
        If this machine has no such device.
    """
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    present = [kind for kind, available in kinds.items() if available]
    if name != "auto" and name not in present:
        raise RecipeError("recipe.no_device", device=name, choices=", ".join(present))
    return torch.device(present[0] if name == "auto" else name)


def accumulate_dtype(device: torch.device) -> torch.dtype:
    """The widest floating-point type the device has."""
    return torch.float32 if device.type == "mps" else torch.float64  # Metal has no float64
