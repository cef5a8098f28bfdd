"""What the exported pages share: the data that the page needs besides its files, and a content security policy."""

import gzip
import json
import re
from base64 import b64encode
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softreg.data.bundled import read_mnist_sample
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.errors import RunError
from softreg.exporting.page_kernel import dual_weights, fixed_terms
from softreg.features.kernel import Kernel
from softreg.image_format import SIDE
from softreg.messages import LANGUAGES
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_messages

# feature maps that the page computes itself
COMPUTED = ("pixels", "deskew", "patches", "scattering", "both", "views", "kernel", "invariant_kernel", "compact_kernel")
ANY_SIZE = ("pixels",)  # those of images that are not 28 x 28
MAX_TEST = 2000  # images of the test part that travel with a page
DIGITS = tuple("0123456789")
FAST = 6  # gzip's level: 9 takes fifteen times as long for 2 %


def page_data(model: SoftmaxRegression) -> dict[str, Any]:
    """The texts in both languages, the model, and images of MNIST by which it keeps what it knows while it learns drawings.

    Raises
    ------
    RunError
        If the page cannot compute the model's features for images of this size, or they are in colour.
    """
    entry = {"model": model.features.name, "solver": "", "accuracy": None, **packed_weights(model)}
    return {
        "messages": {language: page_messages(language) for language in LANGUAGES},
        "models": [entry],
        "reference": packed_reference() if model.classes == DIGITS and not model.whole_pictures else None,
    }


def packed_weights(model: SoftmaxRegression) -> dict[str, Any]:
    """What the page needs to compute a model itself: features, classes, weights, and the detector if it has one.

    Raises
    ------
    RunError
        If the page cannot compute the model's features for images of this size, or they are in colour.
    """
    model.check_has_evidence()
    features = model.features.name
    if features not in (COMPUTED if model.image_shape == (SIDE, SIDE) else ANY_SIZE) or len(model.image_shape) != 2:
        shape = " x ".join(map(str, model.image_shape))
        raise RunError("export.no_page", features=features, shape=shape, choices=", ".join(COMPUTED), any_size=", ".join(ANY_SIZE))
    weight, buffers = model.linear.weight, model.features.state_dict()
    detector = {} if model.ood_detector is None else model.ood_detector.state_dict()
    if "precision_cholesky" in detector:  # a lower triangle for each class, row by row
        factors = detector["precision_cholesky"]
        detector["precision_cholesky"] = factors[:, *torch.tril_indices(*factors.shape[1:])]
    if isinstance(model.features, Kernel):
        weight, buffers = dual_weights(model.features, weight), buffers | fixed_terms(model.features)
        if "direction" in detector:
            detector["direction"] = dual_weights(model.features, detector["direction"][None])[0]
    packed: dict[str, Any] = {
        "features": features,
        "classes": model.classes,
        "weight": _packed_floats(weight),
        "bias": _packed_floats(model.linear.bias),
        "buffers": {name: _packed_floats(buffer) for name, buffer in buffers.items()},
        "detector": {name: _packed_floats(buffer) for name, buffer in detector.items()} or None,
    }
    if model.whole_pictures:
        packed |= {"whole": True, "shape": model.image_shape, "ground": model.ground}
    return packed


@cache
def packed_reference() -> str:
    """Images of MNIST on which a model that learns a drawing should go on answering as before, gzip'd, in base64."""
    return b64encode(gzip.compress(read_mnist_sample().numpy().tobytes(), FAST, mtime=0)).decode()


def mnist_images(count: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """MNIST to learn from in the page: what it is told of them, and by part the images (N, 784) and then the labels (N,), gzip'd.

    `count` training images and a fifth as many test images, at most `MAX_TEST`, evenly spaced: all groups of writers are in both.
    """
    splits = load_dataset("mnist")
    train, test = _evenly(splits.train, count), _evenly(splits.test, min(MAX_TEST, max(count // 5, 100)))
    packed = {"train": _packed(train), "test": _packed(test)}
    return {"classes": train.classes, "counts": {"train": len(train), "test": len(test)}}, packed


def _evenly(data: Dataset, count: int) -> Dataset:
    count = min(count, len(data))
    return data[torch.arange(count) * len(data) // count]


def _packed(data: Dataset) -> bytes:
    labels = data.labels.numpy().astype(np.uint8)
    return gzip.compress(data.images.numpy().tobytes() + labels.tobytes(), mtime=0)


def policy(**sources: str) -> str:
    """A content security policy as an element that allows these sources, by the kind of what is loaded, and nothing else."""
    allowed = [f"{kind}-src {source}" for kind, source in sources.items()]
    rules = ["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"]
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def data_element(data: dict[str, Any]) -> str:
    """The data as an element of JSON, without a `<` in it that could end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="softreg-data">{text}</script>'


def replace_element(page: str, tag: str, mark: str, replacement: str) -> str:
    """The page with its one element `tag` that has the attribute value `mark` replaced."""
    page, count = re.subn(rf'<{tag}\b[^>]*"{mark}"[^>]*>(?:</{tag}>)?', lambda _: replacement, page)
    assert count == 1, (tag, mark, count)
    return page


def _packed_floats(tensor: Tensor) -> dict[str, str]:
    """The numbers as they are, int8, float16 or float32, little-endian in base64."""
    array = tensor.detach().cpu().numpy()
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {"type": str(array.dtype), "bytes": b64encode(little.tobytes()).decode()}
