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
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available()))
    if not there[name]():
        raise RecipeError("recipe.no_device", device=name, choices=", ".join(kind for kind, available in there.items() if available()))
    return torch.device(name)
