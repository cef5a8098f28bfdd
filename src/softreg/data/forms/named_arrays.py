"""Arrays by name: which are the images and labels of which part, as Keras, medmnist, .mat files and notebooks name them."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, Source
from softreg.data.image_array import to_images, to_labels
from softreg.errors import DataError

IMAGE_NAMES = ("x", "images", "image", "imgs", "data", "pixels", "features", "fea")
LABEL_NAMES = ("y", "labels", "label", "targets", "target", "gnd")
CLASS_NAMES = ("classes", "class_names", "target_names", "label_names")


def from_named_arrays(arrays: Mapping[str, Any], where: object, size: tuple[int, int] | None) -> Source:
    """Images and labels, by the names of the arrays: `x_train`, `train_images`, `X`, `y`, `data`, `target`, ... in any case.

    Raises
    ------
    DataError
        If no array has a name of images, listing the names there are; or an array is not what its name says.
    """
    roles: dict[tuple[str, str], str] = {}
    for key in arrays:
        if role := role_of(key):
            roles.setdefault(role, key)
    if not any(kind == "images" for kind, _ in roles) and len(arrays) == 1:
        roles["images", ""] = next(iter(arrays))
    parts = {part: _part(arrays, roles, part, where, size) for part in ("", *TRAIN_NAMES, *TEST_NAMES)}
    train = next((parts[part] for part in (*TRAIN_NAMES, "") if parts[part]), None)
    test = next((parts[part] for part in TEST_NAMES if parts[part]), None)
    if train is None and test is None:
        raise DataError("forms.no_array", path=where, names=", ".join(map(str, arrays)) or "-")
    names = next((arrays[key] for key in arrays if key.lower() in CLASS_NAMES), ())
    return Source(train, test, tuple(str(name) for name in names))


def role_of(key: str) -> tuple[str, str] | None:
    """("images" or "labels", the part) that a name speaks of, e.g. of "x_train", "trainX", "X_test"; None if of neither."""
    parts = (*TRAIN_NAMES, *TEST_NAMES)
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower())
    if words and words[0][:1] in "xy" and words[0][1:] in parts:  # Xtrain
        words = [words[0][0], words[0][1:], *words[1:]]
    rest = "_".join(word for word in words if word not in parts)
    kind = "images" if rest in IMAGE_NAMES else "labels" if rest in LABEL_NAMES else None
    return (kind, next((word for word in words if word in parts), "")) if kind else None


def _part(
    arrays: Mapping[str, Any], roles: dict[tuple[str, str], str], part: str, where: object, size: tuple[int, int] | None
) -> Part | None:
    if ("images", part) not in roles:
        return None
    key = roles["images", part]
    place = f"{where}: {key}"
    images = to_images(np.asarray(arrays[key]), place, size)
    if not len(images):
        raise DataError("data.no_images", path=place)
    if ("labels", part) not in roles:
        return Part(images, None, place)
    label_key = roles["labels", part]
    labels = to_labels(np.asarray(arrays[label_key]), f"{where}: {label_key}")
    if len(labels) != len(images):
        raise DataError("data.counts", path=f"{where}: {label_key}", images=len(images), labels=len(labels))
    return Part(images, labels, f"{where}: {label_key}")
