"""The runs that come with softreg, by name. Importing this does not import torch."""

from importlib.resources import files
from pathlib import Path

PRETRAINED = ("handwriting", "best", "tutorial")
READER = "handwriting"  # reads pictures, unless another is named


def pretrained_path(name: str) -> Path:
    """The folder of the pretrained run `name`, one of `PRETRAINED`."""
    return Path(str(files("softreg") / "pretrained" / name))
