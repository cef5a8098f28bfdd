"""The fuzzed readers: all that read files of other origin. Input number n of a target is the same on every machine."""

import gzip
import json
import zlib
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image

from softreg.data.idx import map_idx, read_idx
from softreg.features.registry import make_feature_map
from softreg.imaging.picture import read_picture
from softreg.model.gaussian_detector import GaussianDetector
from softreg.model.serialization import model_from_bytes, model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.storage.tensors import dumps, loads
from tests.helpers.http_mirror import idx
from torture.fuzz import Target
from torture.mutations import mutated

SHAPES = ((2, 28, 28), (3, 4, 5), (0, 28, 28), (40,), (1,))
SEVEN = ("     ", " ### ", "   # ", "  #  ", "  #  ", "     ")


def idx_files(scratch: Path) -> Target:
    """The IDX reader: an accepted file must be, byte for byte, the IDX encoding of what was read."""
    plain = [idx(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)) for shape in SHAPES]
    packed = [gzip.compress(raw, mtime=0) for raw in plain]
    file = scratch / "file"

    def make(rng: Random) -> bytes:
        kind = rng.random()
        if kind < 0.7:
            return mutated(plain, rng)
        return mutated(packed, rng) if kind < 0.85 else gzip.compress(mutated(plain, rng), 1, mtime=0)

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        ndim = 1 if raw[3:4] == b"\1" else 3
        content = idx(read_idx(file, ndim).numpy())
        if raw[:2] == b"\x1f\x8b":
            assert content == gzip.decompress(raw), "not what gzip unpacks"
        else:
            assert content == raw == idx(map_idx(file, ndim).numpy()), "not what is in the file"

    return Target(make, read)


def pictures(scratch: Path) -> Target:
    """The picture reader, up to the digit it finds."""
    seven = np.kron(np.array([[character == "#" for character in row] for row in SEVEN]), np.ones((6, 6)))
    grey = Image.fromarray((255 - 200 * seven).astype(np.uint8))
    formats = [(mode, name) for name in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF") for mode in ("L", "RGB")]
    formats += [("1", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("F", "TIFF"), ("CMYK", "JPEG")]
    seeds = [_encoded(grey.convert(mode), name) for mode, name in formats]
    seeds.append(_encoded(grey, "GIF", save_all=True, append_images=[grey.rotate(90)]))
    seeds.append(_encoded(grey, "TIFF", compression="tiff_lzw"))

    def make(rng: Random) -> bytes:
        raw = mutated(seeds, rng)
        return _with_checksums(raw) if raw[:4] == b"\x89PNG" and rng.random() < 0.7 else raw

    return Target(make, read_picture)


def model_files(scratch: Path) -> Target:
    """The model reader. Half of the inputs carry a right SHA-256 over wrong content, to reach the checks behind it."""
    whole = []
    for name, classes, times in (("pixels", ("no", "yes"), 20), ("deskew", ("0", "1", "2"), 20), ("pixels", ("0", "1"), 1)):
        model = SoftmaxRegression(make_feature_map(name), classes)
        model.ood_detector = GaussianDetector(784, len(classes)) if times == 1 else None  # fifty times as large, and rare
        model.set_theta(torch.randn(len(classes), 785, generator=torch.Generator().manual_seed(1)))
        whole += times * [model_to_bytes(model)[0]]
    parts = [loads(raw, {"format", "classes", "features"}) for raw in whole]

    def make(rng: Random) -> bytes:
        if rng.random() < 0.5:
            return mutated(whole, rng)
        tensors, metadata = rng.choice(parts)
        return dumps(*rng.choice((_other_metadata, _other_tensors))(dict(tensors), dict(metadata), rng))[0]

    def read(raw: bytes) -> None:
        model = model_from_bytes(raw, Path("model.safetensors"))
        assert model_to_bytes(model)[0] == raw, "not the bytes that were read"

    return Target(make, read)


def recipes(scratch: Path) -> Target:
    """The recipe reader: an accepted recipe must survive being written and read again."""
    seeds = [Recipe.preset(name).to_toml().encode() for name in ("tutorial", "optimum")]
    seeds += [b'epochs = 3\nlr = 0.5\n[x]\ny = [1, {z = "a"}]\n', "dataset = '쓰기'\nseed = 0x7f # ink\n".encode()]
    file = scratch / "recipe.toml"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        recipe = Recipe.read(file)
        assert Recipe.from_toml(recipe.to_toml()) == recipe, "another recipe"

    return Target(lambda rng: mutated(seeds, rng), read)


READERS = {"idx": idx_files, "pictures": pictures, "models": model_files, "recipes": recipes}


def _other_metadata(tensors: dict[str, Any], metadata: dict[str, str], rng: Random) -> tuple[dict[str, Any], dict[str, str]]:
    key = rng.choice(sorted(metadata))
    classes = json.dumps(rng.choice((["a"] * rng.randrange(12_000), [1, 2], {}, [["a"], ["b"]], ["\0", "\n"])))
    damaged = mutated([metadata[key].encode()], rng).decode("utf-8", "replace")
    metadata[key] = rng.choice((damaged, classes, "1" * rng.randrange(5000), "[" * rng.randrange(5000)))
    return tensors, metadata


def _other_tensors(tensors: dict[str, Any], metadata: dict[str, str], rng: Random) -> tuple[dict[str, Any], dict[str, str]]:
    name = rng.choice(sorted(tensors))
    tensor = tensors.pop(name)
    kinds = (torch.float64, torch.float16, torch.int32, torch.bool, torch.float32)
    shaped = rng.choice((tensor, tensor.flatten(), tensor.flatten()[:1], tensor[None]))
    changed = rng.choice((shaped, tensor.to(rng.choice(kinds)), tensor * float("nan")))
    tensors[rng.choice((name, name, name + "\0", "linear", ""))] = changed
    return tensors, metadata


def _encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def _with_checksums(png: bytes) -> bytes:
    """A damaged PNG with its chunks' checksums corrected, so that the reader gets past the first damaged chunk."""
    fixed, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        fixed += png[at:end] + zlib.crc32(png[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed)
