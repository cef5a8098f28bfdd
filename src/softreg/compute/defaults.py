"""PyTorch's defaults, whatever the caller has set: softreg's tensors have the types and devices that it says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def default_torch(*, keep_inference_mode: bool = False) -> Iterator[None]:
    """For a block or, as a decorator, a function: torch creates float32 tensors on the CPU, without autocast or inference mode.

    `torch.set_default_dtype`, `set_default_device`, `autocast` and `inference_mode` of the caller hold again afterwards. The
    default type belongs to the process, not to the thread; it is only touched if it is not float32.

    Parameters
    ----------
    keep_inference_mode : for code that trains nothing and keeps no tensors
    """
    with ExitStack() as stack:
        if (dtype := torch.get_default_dtype()) is not torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.is_inference_mode_enabled() and not keep_inference_mode:
            stack.enter_context(torch.inference_mode(False))
        yield
