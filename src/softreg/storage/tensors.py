"""Named tensors and string metadata as one safetensors file, with a SHA-256 over all of it in the header.

Any safetensors reader opens it. Reading runs no code and checks every byte: the header must be exactly as `dumps` writes it.
"""

import hashlib
import json
import os
import stat
from collections.abc import Set
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)  # opening a pipe must not block; Windows has none in its folders
BINARY = getattr(os, "O_BINARY", 0)  # Windows' other mode changes line ends


def dumps(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[bytes, str]:
    """The bytes of the file (equal contents give equal bytes) and the SHA-256 of its contents as hex."""
    # Copied, because safetensors refuses tensors that share memory
    tensors = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    digest = _digest(tensors, metadata)
    return _canonical(save_tensors(tensors, metadata | {"sha256": digest})), digest


def loads(raw: bytes, keys: set[str], *, optional: Set[str] = frozenset()) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file; the metadata must have these `keys`, and may have the `optional` ones.

    Raises
    ------
    ValueError
        If the file is cut off, changed or not as `dumps` writes it; says why.
    """
    try:
        tensors = load_tensors(raw)
        metadata: dict[str, str] = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
        is_canonical = _canonical(raw) == raw
    except (SafetensorError, LookupError, TypeError, RuntimeError, OverflowError) as error:  # RecursionError is a RuntimeError
        raise ValueError(str(error)) from error
    if not is_canonical or metadata.keys() - optional != keys | {"sha256"}:
        raise ValueError("header")
    if metadata.pop("sha256") != _digest(tensors, metadata):
        raise ValueError("SHA-256")
    return tensors, metadata


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes` bytes.

    Raises
    ------
    OSError
        If it cannot be read or is not a regular file.
    ValueError
        If it is larger; nothing is read then.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | NON_BLOCKING | BINARY), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "not a file", str(path))
        raw = file.read(max_bytes + 1) if found.st_size <= max_bytes else b""
    if found.st_size > max_bytes or len(raw) > max_bytes:
        raise ValueError(f"{found.st_size} bytes, at most {max_bytes}")
    return raw


def _canonical(raw: bytes) -> bytes:
    """The same file with the header's keys sorted: safetensors (0.8 still) writes the metadata in a random order."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the format aligns the data to 8 bytes
    return len(header).to_bytes(8, "little") + header + raw[end:]


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 over the metadata and, in the order of their names, each tensor's name, type, shape and bytes."""
    sha256 = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha256.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()
