"""The bundled MNIST laid where torchvision looks for it."""

import gzip
import hashlib
import os
from pathlib import Path

from softreg.data.bundled import FOLDER, SHA256
from softreg.errors import DataError
from softreg.storage.atomic import write_bytes


def fill_mnist_root(root: str | os.PathLike[str]) -> None:
    """Put the four files where `torchvision.datasets.MNIST(root, download=True)` would unpack them: it finds nothing to fetch.

    A file that is there with the right content is left alone; any other is replaced. torchvision itself believes whatever it finds.

    Raises
    ------
    DataError
        If a bundled file does not have the SHA-256 of the original distribution.
    OSError
        If the folder cannot be written.
    """
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, wanted in SHA256.items():
        path = raw / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted:
            continue
        bundled = FOLDER / f"{name}.gz"
        content = gzip.decompress(bundled.read_bytes())
        if (found := hashlib.sha256(content).hexdigest()) != wanted:
            raise DataError("data.wrong_hash", path=bundled, algorithm="SHA-256", wanted=wanted, found=found)
        write_bytes(path, content)
