"""A model as one safetensors file. Nothing in it is executed, and everything is checked.

The header's metadata: `format` (the version of this layout), `classes` (JSON), `features` (the map's name), `image_shape` (JSON,
where the images are not 28 x 28 and grey; `[D]` of embeddings), `pictures` (`whole`, of 28 x 28 images that are no digits on
paper), `ground` (`dark` or `light`, of both where it is known) and `sha256`, over the others and every tensor. Shapes and types of
the tensors follow from the metadata, never from the file. The tensors `novelty.*`, of the out-of-distribution detector, are all
there or none is.
"""

import json
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from softreg.compute.defaults import default_torch
from softreg.data.dataset import MAX_DIM, MAX_SIDE, MIN_SIDE
from softreg.errors import RunError
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.image_format import SIDE
from softreg.imaging.ground import GROUNDS
from softreg.messages.strangers import has_controls
from softreg.model.detectors import make_detector
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.atomic import write_bytes
from softreg.storage.tensors import dumps, loads, read_bytes

FORMAT = "1"
DEFAULT_SHAPE = (SIDE, SIDE)
WHOLE = "whole"
MAX_BYTES = 256 * 2**20  # the largest model softreg makes is far smaller
MAX_CLASSES = 100_000
# Logits are finite: |x_j| <= 1 of pixels, of which there are at most 3.2e6, and about 1e18 at most of the other maps, which
# multiply two buffers and have at most 13,955 features. 13,955 * 1e18 * 1e15 is below float32's 3.4e38. Embeddings in files are at
# most 1e18, too (`softreg.data.embeddings`).
MAX_WEIGHT = 1e15  # of `linear`
MAX_BUFFER = 1e9  # of all other tensors
FILE_NAMES = {  # of tensors whose name in the file is not that in the model
    "ood_detector.axes": "novelty.axes",
    "ood_detector.bias": "novelty.bias",
    "ood_detector.centre": "novelty.centre",
    "ood_detector.direction": "novelty.direction",
    "ood_detector.mean": "novelty.mean",
    "ood_detector.precision_cholesky": "novelty.root",
    "ood_detector.weight": "novelty.weight",
}


def model_to_bytes(model: SoftmaxRegression) -> tuple[bytes, str]:
    """The bytes of a model file, and the SHA-256 of its contents, as hex."""
    metadata = {"format": FORMAT, "classes": json.dumps(model.classes, ensure_ascii=False), "features": model.features.name}
    if model.image_shape != DEFAULT_SHAPE:
        metadata["image_shape"] = json.dumps(model.image_shape)
    elif model.whole_pictures:
        metadata["pictures"] = WHOLE
    if model.whole_pictures and model.ground:
        metadata["ground"] = model.ground
    return dumps(_stored_tensors(model), metadata)


def save_model(model: SoftmaxRegression, path: Path) -> str:
    """Write `model` to `path`; returns the SHA-256 of its contents, as hex."""
    raw, digest = model_to_bytes(model)
    write_bytes(path, raw)
    return digest


def load_model(path: Path) -> SoftmaxRegression:
    """The model in the file `path`, in eval mode, on the CPU.

    Raises
    ------
    RunError
        If the file is missing, too large, damaged, or not a softreg model in every particular.
    """
    try:
        raw = read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise RunError("runs.no_model", path=path, why=error.strerror) from error
    except ValueError as error:
        raise RunError("runs.model_too_large", path=path, why=error) from error
    return model_from_bytes(raw, path)


@default_torch()
def model_from_bytes(raw: bytes, path: Path) -> SoftmaxRegression:
    """The model in the bytes of the file `path`, which errors name; as `load_model`."""
    try:
        tensors, metadata = loads(raw, {"format", "classes", "features"}, optional={"image_shape", "pictures", "ground"})
        model = _empty_model(metadata, tensors["linear.weight"])
        if any(name.startswith("novelty.") for name in tensors):
            with torch.device("meta"):  # no memory is asked for until the file is known to hold as much
                model.ood_detector = make_detector(model.features, len(model.classes))
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise RunError("runs.model_damaged", path=path, why=error) from error
    _check_names(model.classes, path)
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in _stored_tensors(model).items()}
    if {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} != expected:
        raise RunError("runs.model_damaged", path=path, why="tensors")
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise RunError("runs.model_damaged", path=path, why="not finite")
    _check_sizes(tensors, path)
    if model.ood_detector is not None:
        model.ood_detector = make_detector(model.features, len(model.classes))
    model.load_state_dict({name: tensors[FILE_NAMES.get(name, name)] for name, _ in model.named_tensors()})
    return model.eval()


def _check_names(classes: tuple[str, ...], path: Path) -> None:
    """Raise a RunError unless the names are distinct and would do nothing to a terminal or a page."""
    for index, name in enumerate(classes):
        if has_controls(name):
            raise RunError("runs.class_controls", path=path, index=index)
    if len(set(classes)) < len(classes):
        repeated = next(name for name, count in Counter(classes).items() if count > 1)
        raise RunError("runs.class_repeated", path=path, name=repeated)


def _check_sizes(tensors: dict[str, Tensor], path: Path) -> None:
    """Raise a RunError if a number is so large that logits might overflow."""
    for name, tensor in sorted(tensors.items()):
        most, found = MAX_WEIGHT if name.startswith("linear.") else MAX_BUFFER, float(tensor.abs().max())
        if found > most:
            raise RunError("runs.weights_too_large", path=path, name=name, found=found, most=most)


def _stored_tensors(model: SoftmaxRegression) -> dict[str, Tensor]:
    """All tensors of the model by their names in the file."""
    return {FILE_NAMES.get(name, name): tensor for name, tensor in model.named_tensors()}


def _empty_model(metadata: dict[str, str], weight: Tensor) -> SoftmaxRegression:
    """A model of the shape that the metadata describes, which is that of its `weight` (C, D), not yet set."""
    if metadata["format"] != FORMAT:
        raise ValueError(f"format {metadata['format'][:20]!r}")
    classes = json.loads(metadata["classes"])
    if not (isinstance(classes, list) and 1 < len(classes) <= MAX_CLASSES and all(isinstance(name, str) for name in classes)):
        raise ValueError("classes")
    if metadata["classes"] != json.dumps(classes, ensure_ascii=False):  # every byte of the file is accounted for
        raise ValueError("classes")
    if metadata["features"] not in FEATURE_MAPS:
        raise ValueError("features")
    image_shape = _image_shape(metadata)
    if not FEATURE_MAPS[metadata["features"]].takes(image_shape):
        raise ValueError("image_shape")
    features = make_feature_map(metadata["features"], image_shape)
    if weight.shape != (len(classes), features.dim):  # before so much memory is asked for
        raise ValueError("tensors")
    model = SoftmaxRegression(features, tuple(classes))
    if "pictures" in metadata:
        if metadata["pictures"] != WHOLE or model.whole_pictures:
            raise ValueError("pictures")
        model.whole_pictures, model.ground = True, None
    if "ground" in metadata:
        if metadata["ground"] not in GROUNDS or not model.whole_pictures:
            raise ValueError("ground")
        model.ground = metadata["ground"]
    return model


def _image_shape(metadata: dict[str, str]) -> tuple[int, ...]:
    """The shape in the metadata, of the features' images, or the default."""
    if "image_shape" not in metadata:
        return DEFAULT_SHAPE
    shape = json.loads(metadata["image_shape"])
    if not (isinstance(shape, list) and len(shape) in (1, 2, 3) and all(type(side) is int for side in shape)):
        raise ValueError("image_shape")
    low, high = (1, MAX_DIM) if len(shape) == 1 else (MIN_SIDE, MAX_SIDE)
    sides_good = all(low <= side <= high for side in shape[:2]) and shape[2:] in ([], [3])
    if not sides_good or tuple(shape) == DEFAULT_SHAPE or metadata["image_shape"] != json.dumps(shape):
        raise ValueError("image_shape")
    return tuple(shape)
