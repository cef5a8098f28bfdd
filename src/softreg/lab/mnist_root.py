"""The bundled MNIST, written where torchvision looks for it."""

import gzip
import hashlib
import os
from pathlib import Path

from softreg.data.bundled import FOLDER, SHA256
from softreg.errors import DataError
from softreg.storage.atomic import write_bytes


def fill_mnist_root(root: str | os.PathLike[str]) -> None:
    """Write the four files where `torchvision.datasets.MNIST(root, download=True)` expects them, so that it downloads nothing.

    A file with the right SHA-256 is left alone, any other is replaced: torchvision itself does not check files that exist.

    Raises
    ------
    DataError
        If a bundled file does not have the SHA-256 of the original distribution.
    OSError
        If the folder cannot be written.
    """
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, expected in SHA256.items():
        path = raw / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == expected:
            continue
        bundled = FOLDER / f"{name}.gz"
        content = gzip.decompress(bundled.read_bytes())
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise DataError("data.wrong_hash", path=bundled, algorithm="SHA-256", wanted=expected, found=found)
        write_bytes(path, content)
