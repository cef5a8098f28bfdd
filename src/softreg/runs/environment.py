"""The environment a model was trained in: what is needed to get the same weights again."""

import os
import platform
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

import torch

from softreg._version import __version__

LIBRARIES = ("numpy", "safetensors", "torch", "torchvision")


def capture_environment(device: torch.device) -> dict[str, Any]:
    """Versions, processor, device and threads of this process."""
    return {
        "softreg": __version__,
        "python": platform.python_version(),
        "libraries": _versions(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device) if device.type != "cuda" else torch.cuda.get_device_name(device),
    }


@cache
def _versions() -> dict[str, str]:
    """Read once: the versions are in files, and a disk may fail while a run is being saved."""
    return {name: version(name) for name in LIBRARIES}


def peak_rss_mib() -> float:
    """The peak resident memory of this process, in MiB.

    On Linux VmHWM: ru_maxrss would include what the parent held when it forked.
    """
    with suppress(OSError, StopIteration), open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - not on a disk
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 2**10
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _processor() -> str:
    """The model name of the processor, from /proc/cpuinfo or from Python."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - not a file on a disk
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
