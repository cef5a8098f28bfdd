"""Named tensors with a few words about them, as one safetensors file that proves itself: a SHA-256 over all of it is in its header.

The layout is plain safetensors, so anybody's reader opens it. Nothing in it is run, all of it is checked, and every byte is
accounted for: the header must be exactly as softreg writes it, its keys sorted.
"""

import hashlib
import json
import os
import stat
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor


def dumps(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[bytes, str]:
    """The file's bytes, the same for the same contents, and its SHA-256 as hex."""
    # Copies, since safetensors refuses tensors that share memory
    tensors = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    digest = _digest(tensors, metadata)
    return _in_one_order(save_tensors(tensors, metadata | {"sha256": digest})), digest


def loads(raw: bytes, keys: set[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata, which has just these `keys`, of a whole and undamaged file.

    Raises
    ------
    ValueError
        Saying what is wrong, if anything is.
    """
    try:
        tensors = load_tensors(raw)
        metadata: dict[str, str] = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
        in_order = _in_one_order(raw) == raw
    except (SafetensorError, LookupError, TypeError, RuntimeError, OverflowError) as error:  # RecursionError is a RuntimeError
        raise ValueError(str(error)) from error
    if not in_order or metadata.keys() != keys | {"sha256"}:
        raise ValueError("header")
    if metadata.pop("sha256") != _digest(tensors, metadata):
        raise ValueError("SHA-256")
    return tensors, metadata


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises
    ------
    OSError
        If it cannot be read or is no file.
    ValueError
        If it is larger; nothing is read then.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe must not make us wait
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "not a file", str(path))
        raw = file.read(most + 1) if found.st_size <= most else b""
    if found.st_size > most or len(raw) > most:
        raise ValueError(f"{found.st_size} bytes, at most {most}")
    return raw


def _in_one_order(raw: bytes) -> bytes:
    """A safetensors file with its header's keys sorted (the library leaves them to chance): equal contents, equal bytes."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the format's alignment
    return len(header).to_bytes(8, "little") + header + raw[end:]


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 over the metadata and, in the order of their names, each tensor's name, type, shape and bytes."""
    sha256 = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha256.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()
