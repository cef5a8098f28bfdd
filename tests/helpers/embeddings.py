"""Embeddings from a stated generator: classes that overlap, as those of a backbone do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def embeddings(n: int, dim: int = 24, classes: int = 5, seed: int = 0) -> tuple[Array, Array]:
    """Rows float32 (N, D) around one centre for each class, the same for every seed, and their labels (N,)."""
    centres = np.random.default_rng(99).normal(size=(classes, dim))
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return (centres[labels] + 2 * rng.normal(size=(n, dim))).astype(np.float32), labels
