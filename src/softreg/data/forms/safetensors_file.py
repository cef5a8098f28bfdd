"""Safetensors: embeddings and labels by the names of the tensors, as PyTorch programs save them. Large ones stay in the file."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from softreg.data.forms.named_arrays import CLASS_NAMES, from_named_arrays, with_columns
from softreg.data.forms.source import ReadOptions, Source, WholeForm
from softreg.data.memory_map import MAP_FROM, map_rows
from softreg.errors import DataError

SUFFIX = ".safetensors"
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


class SafetensorsFile(WholeForm):
    """One file whose tensors are named like the arrays of an .npz; its metadata may have the names of the classes, a JSON list."""

    def matches(self, path: Path) -> bool:
        """Whether it is such a file, or a folder with one in it."""
        return path.suffix.lower() == SUFFIX if path.is_file() else len(list(path.glob(f"*{SUFFIX}"))) == 1

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""
        path = path if path.is_file() else next(path.glob(f"*{SUFFIX}"))
        arrays = _tensors(path)
        return with_columns(from_named_arrays(arrays, path, options), arrays, options, path)


def _tensors(path: Path) -> dict[str, Any]:
    """The tensors by name, large matrices mapped, and the names of the classes if the metadata has them."""
    try:
        with path.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            header = opened.read(min(size, path.stat().st_size))
        with safe_open(path, framework="pt") as file:  # checks the header: sizes, places, and that nothing is left over
            places = json.loads(header)
            found: dict[str, Any] = {name: _tensor(path, file, name, places[name], 8 + size) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        names = next((json.loads(text) for key, text in metadata.items() if key.lower() in CLASS_NAMES), None)
    except OSError as error:
        raise DataError("data.unreadable", path=path, why=error.strerror or error) from error
    except (SafetensorError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise DataError("data.unreadable", path=path, why=error) from error
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise DataError("data.unreadable", path=path, why="classes")
    return found if names is None else found | {"classes": names}


def _tensor(path: Path, file: Any, name: str, place: dict[str, Any], data: int) -> Tensor:
    """One tensor: `place` is its entry in the header, and `data` is where tensors begin in the file."""
    start, end = place["data_offsets"]
    dtype, shape = DTYPES.get(place["dtype"]), tuple(place["shape"])
    if dtype is not None and len(shape) == 2 and end - start >= MAP_FROM and (data + start) % dtype.itemsize == 0:
        return map_rows(path, data + start, shape, dtype)
    tensor: Tensor = file.get_tensor(name)
    return tensor
