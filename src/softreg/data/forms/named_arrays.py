"""Arrays by name: which are the images and labels of which part, as Keras, medmnist, .mat files and notebooks name them."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.embeddings import NAMES as EMBEDDING_NAMES
from softreg.data.embeddings import are_embeddings, to_embeddings
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source
from softreg.data.image_array import to_images, to_labels
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

IMAGE_NAMES = ("x", "images", "image", "imgs", "data", "pixels", "features", "fea", *EMBEDDING_NAMES)
LABEL_NAMES = ("y", "labels", "label", "targets", "target", "gnd")
CLASS_NAMES = ("classes", "class_names", "target_names", "label_names")
SHORT_PARTS = {"tr": "train", "te": "test", "trn": "train", "tst": "test"}


def from_named_arrays(arrays: Mapping[str, Any], where: object, options: ReadOptions) -> Source:
    """Images or embeddings, and labels, by the names of the arrays: `x_train`, `train_images`, `X`, `y`, `data`, ... in any case.

    The arrays may be tensors, too, and mapped files: embeddings stay there.
    Arrays without such names are told apart by their shapes, if that leaves no doubt; a warning says which is taken for what.
    `options.label` names other labels: `fine` are `fine`, `fine_train` and `fine_test`.

    Raises
    ------
    DataError
        If no array has a name of images, listing the names there are; or an array is not what its name says.
    """
    roles: dict[tuple[str, str], str] = {}
    for key in arrays:
        if role := role_of(key):
            roles.setdefault(role, key)
    if not any(kind == "images" for kind, _ in roles):
        roles = _roles_by_shape(arrays, where)
    if options.label:
        roles |= _roles_of_label(arrays, roles, where, options)
    first = next((key for part in ("", *TRAIN_NAMES, *TEST_NAMES) for key in [roles.get(("images", part))] if key), None)
    embeddings = first is not None and _are_embeddings(arrays[first], first, where, options)
    parts = {part: _part(arrays, roles, part, where, options.size, embeddings) for part in ("", *TRAIN_NAMES, *TEST_NAMES)}
    train = next((parts[part] for part in (*TRAIN_NAMES, "") if parts[part]), None)
    test = next((parts[part] for part in TEST_NAMES if parts[part]), None)
    if train is None and test is None:
        raise DataError("forms.no_array", path=where, names=", ".join(map(str, arrays)) or "-")
    names = next((arrays[key] for key in arrays if key.lower() in CLASS_NAMES), ())
    return Source(train, test, tuple(str(name) for name in names))


def with_columns(source: Source, arrays: Mapping[str, Any], options: ReadOptions, where: object) -> Source:
    """The source with what the arrays `options.split` and `options.group` say of each training image.

    Raises
    ------
    DataError
        If one that was asked for is not there, or of another length than the images.
    """
    if source.train is None or not (options.split or options.group):
        return source
    splits, groups = (_texts(arrays, name, len(source.train), where, options) for name in (options.split, options.group))
    return replace(source, train=replace(source.train, splits=splits, groups=groups))


def _texts(arrays: Mapping[str, Any], name: str, n: int, where: object, options: ReadOptions) -> list[str] | None:
    key = next((key for key in arrays if key.lower() == name.lower()), None)
    if key is None:
        if name and options.strict:
            raise DataError("forms.no_column", path=where, column=name, columns=", ".join(map(str, arrays)))
        return None
    found = to_labels(np.asarray(arrays[key]), f"{where}: {key}")
    if len(found) != n:
        raise DataError("data.counts", path=f"{where}: {key}", images=n, labels=len(found))
    return [str(text) for text in (found.tolist() if isinstance(found, Tensor) else found)]


def role_of(key: str) -> tuple[str, str] | None:
    """("images" or "labels", the part) that a name speaks of, e.g. of "x_train", "trainX", "X_test"; None if of neither."""
    rest, part = _content_and_part(key)
    kind = "images" if rest in IMAGE_NAMES else "labels" if rest in LABEL_NAMES else None
    return (kind, part) if kind else None


def _content_and_part(key: str) -> tuple[str, str]:
    """What a name says but for the part, and the part, "" if it speaks of none: ("x", "train") of "X_train"."""
    parts = (*TRAIN_NAMES, *TEST_NAMES)
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower())
    words = [SHORT_PARTS.get(word, word) for word in words]
    if words and words[0][:1] in "xy" and words[0][1:] in parts:  # Xtrain
        words = [words[0][0], words[0][1:], *words[1:]]
    return "_".join(word for word in words if word not in parts), next((word for word in words if word in parts), "")


def _roles_of_label(
    arrays: Mapping[str, Any], roles: Mapping[tuple[str, str], str], where: object, options: ReadOptions
) -> dict[tuple[str, str], str]:
    """The labels of each part that `options.label` names; those without a part are the training images'.

    Raises
    ------
    DataError
        If it names no array, and must.
    """
    label = options.label.lower()
    named = {_content_and_part(key)[1]: key for key in arrays if label in (key.lower(), _content_and_part(key)[0])}
    if not named and options.strict:
        raise DataError("forms.no_array_named", path=where, label=options.label, names=", ".join(map(str, arrays)))
    first = next((part for part in ("", *TRAIN_NAMES) if ("images", part) in roles), "")
    return {("labels", part or first): key for part, key in named.items()}


def _roles_by_shape(arrays: Mapping[str, Any], where: object) -> dict[tuple[str, str], str]:
    """The roles of one array, or of one or two pairs of images and labels of as many rows, the training images first."""
    shapes = {key: np.shape(array) for key, array in arrays.items()}
    images = [key for key, shape in shapes.items() if len(shape) > 1 and shape[-1:] != (1,)]
    labels = [key for key, shape in shapes.items() if key not in images]
    if len(arrays) == 1:
        (key,) = arrays
        return {} if role_of(key) else {("images", ""): key}
    paired = [shapes[key][:1] for key in images] == [shapes[key][:1] for key in labels]
    if not paired or len(images) not in (1, 2):
        return {}
    roles = {
        (kind, part): key
        for kind, keys in (("images", images), ("labels", labels))
        for part, key in zip(("train", "test"), keys, strict=False)
    }
    _warn("forms.by_shape", path=where, images=", ".join(images), labels=", ".join(labels))
    return roles


def _are_embeddings(array: Any, key: str, where: object, options: ReadOptions) -> bool:
    name = _content_and_part(key)[0]
    return are_embeddings(array, name, f"{where}: {key}", wanted=options.embeddings, size=options.size)


def _part(
    arrays: Mapping[str, Any],
    roles: dict[tuple[str, str], str],
    part: str,
    where: object,
    size: tuple[int, int] | None,
    embeddings: bool,
) -> Part | None:
    if ("images", part) not in roles:
        return None
    key = roles["images", part]
    place = f"{where}: {key}"
    label_key = roles.get(("labels", part))
    labels = to_labels(np.asarray(arrays[label_key]), f"{where}: {label_key}") if label_key is not None else None
    if embeddings:
        images = to_embeddings(arrays[key], place)
    else:
        found = np.asarray(arrays[key])
        images = to_images(found if labels is None else images_first(found, len(labels), place), place, size)
    if not len(images):
        raise DataError("data.no_images", path=place)
    if labels is None:
        return Part(images, None, place)
    if len(labels) != len(images):
        raise DataError("data.counts", path=f"{where}: {label_key}", images=len(images), labels=len(labels))
    return Part(images, labels, f"{where}: {label_key}")


def images_first(images: NDArray[Any], count: int, where: object) -> NDArray[Any]:
    """Images whose number is the last dimension, as MATLAB keeps them, with that brought to the front."""
    if images.ndim < 2 or images.shape[0] == count or images.shape[-1] != count:
        return images
    if images.ndim == 2:
        _warn("forms.columns_taken", path=where, n=count, pixels=images.shape[0])
    return np.moveaxis(images, -1, 0)


def _warn(key: str, **params: object) -> None:
    warnings.warn(translate(key, **params), SoftregWarning, stacklevel=4)
