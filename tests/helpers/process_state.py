"""The global state of the process that library code must leave as it was."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch


@dataclass(frozen=True)
class ProcessState:
    """The global generators, the working directory and the matplotlib backend."""

    python: Any
    torch: bytes
    folder: Path
    backend: str

    @classmethod
    def now(cls) -> "ProcessState":
        return cls(random.getstate(), bytes(torch.get_rng_state().tolist()), Path.cwd(), matplotlib.get_backend())
