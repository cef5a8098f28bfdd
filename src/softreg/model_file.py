"""A model as one safetensors file: its tensors, and in the header what they mean. Nothing in it is run, all of it is checked.

The header's metadata: `format` (the version of this layout), `classes` (JSON), `features` (the map's name) and `sha256`, over those
three and every tensor. The shapes and types the tensors must have follow from the features and the classes, never from the file.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from softreg.atomic import write_bytes
from softreg.errors import RunError
from softreg.features import make_features
from softreg.model import SoftmaxRegression
from softreg.recipe import FEATURES

FORMAT = "1"
LARGEST = 256 * 2**20  # bytes; the largest model softreg makes is far smaller
MOST_CLASSES = 10_000


def write_model(model: SoftmaxRegression, path: Path) -> str:
    """Write `model` to `path`; the SHA-256 of what it holds, as hex."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.named_tensors()}
    metadata = {"format": FORMAT, "classes": json.dumps(model.classes, ensure_ascii=False), "features": model.features.name}
    digest = _digest(tensors, metadata)
    write_bytes(path, _in_one_order(save_tensors(tensors, metadata | {"sha256": digest})))
    return digest


def read_model(path: Path) -> SoftmaxRegression:
    """The model in the file `path`, in eval mode, on the CPU.

    Raises
    ------
    RunError
        If the file is missing, too large, damaged, or not a softreg model in every particular.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise RunError("runs.model_too_large", path=path, size=size, most=LARGEST)
        raw = path.read_bytes()
    except OSError as error:
        raise RunError("runs.no_model", path=path, why=error.strerror) from error
    try:
        tensors, metadata = load_tensors(raw), _metadata(raw)
        if _in_one_order(raw) != raw:
            raise ValueError("header")
        model = _empty_model(metadata)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError("runs.model_damaged", path=path, why=error) from error
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in model.named_tensors()}
    if {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} != expected:
        raise RunError("runs.model_damaged", path=path, why="tensors")
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise RunError("runs.model_damaged", path=path, why="not finite")
    digest = metadata.pop("sha256")
    if digest != _digest(tensors, metadata):
        raise RunError("runs.model_damaged", path=path, why="SHA-256")
    model.load_state_dict(tensors)
    return model.eval()


def _in_one_order(raw: bytes) -> bytes:
    """A safetensors file with its header's keys sorted (the library leaves them to chance): equal models, equal bytes."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the format's alignment
    return len(header).to_bytes(8, "little") + header + raw[end:]


def _metadata(raw: bytes) -> dict[str, str]:
    """The metadata in the header of a safetensors file that the library has already read and checked."""
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    metadata: dict[str, str] = header["__metadata__"]
    if metadata.keys() != {"format", "classes", "features", "sha256"}:
        raise ValueError("metadata")
    return metadata


def _empty_model(metadata: dict[str, str]) -> SoftmaxRegression:
    """A model of the shape that the metadata tells, its numbers not yet set."""
    if metadata["format"] != FORMAT:
        raise ValueError(f"format {metadata['format']}")
    classes = json.loads(metadata["classes"])
    if not (isinstance(classes, list) and 1 < len(classes) <= MOST_CLASSES and all(isinstance(name, str) for name in classes)):
        raise ValueError("classes")
    if metadata["features"] not in FEATURES:
        raise ValueError("features")
    return SoftmaxRegression(make_features(metadata["features"]), tuple(classes))


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 over the metadata and, in the order of their names, each tensor's name, type, shape and bytes."""
    sha256 = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha256.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return sha256.hexdigest()
