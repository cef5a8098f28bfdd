"""What a feature map needs in order to write itself as an ONNX graph; `softreg.exporting.onnx.Graph` is one."""

from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor


class GraphBuilder(Protocol):
    """Builds a graph of standard ONNX operators, node by node. Values are referred to by name."""

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node that applies the operator `op` to `inputs`; the name of its output."""

    def constant(self, values: "NDArray[Any] | Tensor | list[int] | float") -> str:
        """Add a constant, a tensor as it is, a list as int64, and anything else as float32; its name."""

    def cast(self, values: str, dtype: torch.dtype) -> str:
        """Add a conversion to float32 or float64."""

    def sum(self, values: str, axis: int) -> str:
        """Add a sum over `axis`, which is kept with length one."""

    def add_channel(self, images: str) -> str:
        """Add a channel axis: images (N, 28, 28) -> (N, 1, 28, 28)."""
