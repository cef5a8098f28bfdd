"""The feature map `kernel` as the page computes it: x = GAIN (k - m), without the rotation R, whose matrix would take 64 MB.

A linear layer on the rotated features is one on these: its weights are the dual coefficients of the kernel machine.
"""

import torch
from torch import Tensor

from softreg.features.kernel import Kernel

GAIN = 10.0  # as in kernel_features.js


def dual_weights(features: Kernel, weight: Tensor) -> Tensor:
    """The weights (C, M), float32, for the page's features that weights (C, M) are for the rotated ones."""
    return (features.nystroem().dual_coefficients(weight.float()) / GAIN).float()


def fixed_terms(features: Kernel) -> dict[str, Tensor]:
    """What the page would otherwise compute: g (1,), k(0) and m (M,), float32."""
    nystroem = features.nystroem()
    at_zero = nystroem.kernel(torch.zeros_like(nystroem.landmarks[:1]))[0]
    terms = {"gamma": torch.tensor([nystroem.gamma]), "kernel_at_zero": at_zero, "kernel_mean": nystroem.mean}
    return {name: term.float() for name, term in terms.items()}
