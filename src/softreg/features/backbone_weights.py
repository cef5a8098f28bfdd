"""The weights of torchvision's networks in the user's cache: fetched once, verified, and kept as safetensors.

torchvision publishes weights in files that hold a pickle, each named by the first digits of its SHA-256. A download must have that
SHA-256. It is read once, by torch's restricted unpickler (`weights_only`), which makes tensors and runs no code; what is kept is a
safetensors file, with a SHA-256 over all of it that every later reading checks.
"""

import re
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from softreg.data.download import Source, addresses, download, download_progress, file_digest, offline
from softreg.errors import DataError
from softreg.features.registry import Backbone
from softreg.messages import translate
from softreg.storage.atomic import atomic_directory
from softreg.storage.cache import cache_folder
from softreg.storage.locking import locked
from softreg.storage.tensors import dumps, loads, read_bytes

FOLDER, FILE = "backbones", "weights.safetensors"  # in the cache
MAX_BYTES = 2**30
KEYS = {"source", "source_sha256"}  # torchvision's file


def fetch_weights(name: str, backbone: Backbone) -> tuple[dict[str, Tensor], str]:
    """The weights of the network `name`, and the SHA-256 of the file they were published in; downloaded if missing or damaged.

    Raises
    ------
    DataError
        If no mirror has them as published, the network is forbidden, or the cache cannot be written; nothing is left behind.
    """
    source = _source(backbone)
    folder = cache_folder() / FOLDER / Path(source.file).stem
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f"{folder.name}.lock")):
            if (found := _read(folder / FILE, source)) is None:
                if offline():
                    raise DataError("backbone.offline", name=name, file=source.file, path=folder)
                _fetch(name, backbone, source, folder)
                found = _read(folder / FILE, source)
    except OSError as error:
        raise DataError("data.cache", path=error.filename or folder.parent, why=error.strerror or error) from error
    assert found is not None
    return found


@lru_cache(maxsize=2)
def load_network(name: str, backbone: Backbone, sha256: str, device: torch.device) -> tuple[nn.Module, Any]:
    """The network `name` without its head, in eval mode on `device`, and torchvision's transform of images for it.

    `sha256` is of the weights that the model was trained with.

    Raises
    ------
    DataError
        As `fetch_weights`, or if the weights are others, or of another network.
    """
    from torchvision.models import get_model, get_weight

    weights, found = fetch_weights(name, backbone)
    if found != sha256:
        raise DataError("backbone.other_weights", name=name, found=found[:12], expected=sha256[:12])
    with torch.device("meta"):  # takes no memory, and draws no random numbers
        network = get_model(name, weights=None)
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise DataError("backbone.no_weights", name=name, file=_source(backbone).file) from error
    setattr(network, backbone.head, nn.Identity())
    return network.eval().requires_grad_(requires_grad=False).to(device), get_weight(backbone.weights).transforms()


def _source(backbone: Backbone) -> Source:
    """The file of the weights, by torchvision's registry."""
    from torchvision.models import get_weight

    url: str = get_weight(backbone.weights).url
    file = url.rpartition("/")[2]
    digest = re.search(r"-([0-9a-f]{8,64})\.pth$", file)  # as torchvision's own check of a download reads it
    assert digest is not None, file
    return Source(file, digest[1], addresses(file, [url], FOLDER), "sha256")


def _read(path: Path, source: Source) -> tuple[dict[str, Tensor], str] | None:
    """The weights in the cache; None if they are not there, or not as they were saved."""
    try:
        tensors, metadata = loads(read_bytes(path, MAX_BYTES), KEYS)
    except (FileNotFoundError, ValueError):
        return None
    return (tensors, metadata["source_sha256"]) if metadata["source_sha256"].startswith(source.digest) else None


def _fetch(name: str, backbone: Backbone, source: Source, folder: Path) -> None:
    """Download torchvision's file and keep its tensors in `folder`. The caller holds the lock."""
    sentence = translate("backbone.fetching", name=name, megabytes=backbone.megabytes, path=folder)
    with atomic_directory(folder) as temporary, download_progress(sentence) as progress:
        file = download(source, temporary, progress)
        try:
            tensors = dict(torch.load(file, map_location="cpu", weights_only=True))
            raw, _ = dumps(tensors, {"source": source.file, "source_sha256": file_digest(file, "sha256")})
        except (UnpicklingError, RuntimeError, ValueError, TypeError, AttributeError, EOFError) as error:
            raise DataError("backbone.no_weights", name=name, file=source.file) from error
        (temporary / FILE).write_bytes(raw)
        file.unlink()
