"""convert(): a dataset of any form, written as IDX, NPZ or class folders."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from softreg.data.assemble import class_names, number
from softreg.data.dataset import Dataset
from softreg.data.embeddings import check_are_images
from softreg.data.forms.registry import find_form
from softreg.data.forms.source import Form, Part, ReadOptions, Source
from softreg.data.idx_writer import IdxImages, MixedShapesError, write_idx_array
from softreg.data.load import AS_IT_IS, existing_path, load_dataset
from softreg.data.registry import DATASETS
from softreg.errors import DataError
from softreg.storage.atomic import atomic_directory, write_bytes
from softreg.storage.destination import check_destination

IDX_NAMES = {"train": "train", "test": "t10k"}


def convert(
    name_or_path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    form: str,
    *,
    options: ReadOptions = AS_IT_IS,
    force: bool = False,
) -> dict[str, Dataset]:
    """Write the dataset at `name_or_path` to `target` in a form of `WRITERS`; the parts written, by name.

    `force` replaces a file, never a folder. Images and labels keep their order. IDX has no names of classes: there they are
    numbered.

    Raises
    ------
    DataError
        If the dataset cannot be read, has no labels, or does not fit the form; or if the folder `target` exists.
    WriteError
        If a file is in the way, or the system refuses to write; nothing is left behind.
    """
    path = Path(target)
    if form in FILES:
        check_destination(path, force=force, inputs=[name_or_path])
    elif os.path.lexists(path):
        raise DataError("forms.target_exists", path=path)
    name = os.fspath(name_or_path)
    if form == "idx" and name not in DATASETS:
        return _stream_to_idx(name, path, options)
    parts = _parts(name, options)
    WRITERS[form](parts, path)
    return parts


def _parts(name: str, options: ReadOptions) -> dict[str, Dataset]:
    """The parts that there are, their labels numbered alike; nothing is held out."""
    if name in DATASETS:
        splits = load_dataset(name)
        return {"train": splits.train, "test": splits.test}
    form, inside = find_form(existing_path(name))
    return _numbered(form.read(inside, options).split(), name)


def _numbered(source: Source, name: str) -> dict[str, Dataset]:
    classes = class_names(source if source.train is not None else Source(source.test, None, source.classes))
    found: dict[str, Part | None] = {"train": source.train, "test": source.test}
    for part in (source.train, source.test):
        check_are_images(part.images.shape[1:] if part else (), name)
    return {
        part: number(images, classes, name) for part, images in found.items() if images is not None and images.labels is not None
    }


def _stream_to_idx(name: str, folder: Path, options: ReadOptions) -> dict[str, Dataset]:
    """As `write_idx`, some images at a time: they need not fit in memory. Those returned are mapped from the files written."""
    form, inside = find_form(existing_path(name))
    with atomic_directory(folder) as temporary:
        try:
            source = _stream_parts(form, inside, options, temporary)
        except MixedShapesError as mixed:  # grey pictures, then one in colour: all are
            try:
                source = _stream_parts(form, inside, replace(options, image_shape=(*mixed.shape[:2], 3)), temporary)
            except MixedShapesError as again:
                expected, found = (" x ".join(map(str, shape)) for shape in (again.shape, again.found))
                raise DataError("dataset.other_shape", where=name, expected=expected, found=found) from again
        parts = _numbered(source, name)
        _check_bytes(parts, folder)
        for part, data in parts.items():
            images = temporary / f"{part}-images"
            images.rename(temporary / _idx_name(part, "images", data.images.ndim))
            write_idx_array(temporary / _idx_name(part, "labels", 1), data.labels.numpy().astype(np.uint8))
        for left in temporary.glob("*-images"):  # without labels
            left.unlink()
    return parts


def _stream_parts(form: Form, inside: Path, options: ReadOptions, folder: Path) -> Source:
    """The parts of a dataset, their images written to files in `folder`, one for each part."""
    read: dict[str, Part] = {}
    shape: tuple[int, ...] = ()
    for part in IDX_NAMES:
        labels: list[list[str] | Tensor | None] = []
        size = (shape[0], shape[1]) if shape else options.size
        with IdxImages(folder / f"{part}-images", shape) as file:
            for chunk in form.stream(inside, replace(options, size=size), part):
                check_are_images(chunk.images.shape[1:], inside)
                file.append(chunk.images)
                labels.append(chunk.labels)
                read[part] = chunk
            images, shape = file.close(), file.shape
        if images is not None:
            read[part] = replace(read[part], images=images, labels=_joined(labels), ids=(), lines=None)
    return Source(read.get("train"), read.get("test"), next((part.classes for part in read.values() if part.classes), ()))


def _joined(labels: list[list[str] | Tensor | None]) -> list[str] | Tensor | None:
    tensors = [part for part in labels if isinstance(part, Tensor)]
    if len(tensors) == len(labels):
        return torch.cat(tensors)
    return None if None in labels else [str(label) for part in labels if part is not None for label in part]


def _idx_name(part: str, content: str, ndim: int) -> str:
    return f"{IDX_NAMES[part]}-{content}-idx{ndim}-ubyte"


def _check_bytes(parts: dict[str, Dataset], folder: Path) -> None:
    """Raise a DataError if there are more classes than a byte can number."""
    for data in parts.values():
        if len(data.classes) > 256:
            raise DataError("forms.too_many_classes", path=folder, count=len(data.classes))


def write_idx(parts: dict[str, Dataset], folder: Path) -> None:
    """A folder of IDX files; images in colour have four dimensions, (N, H, W, 3)."""
    _check_bytes(parts, folder)
    with atomic_directory(folder) as temporary:
        for part, data in parts.items():
            write_idx_array(temporary / _idx_name(part, "images", data.images.ndim), data.images.numpy())
            write_idx_array(temporary / _idx_name(part, "labels", 1), data.labels.numpy().astype(np.uint8))


def write_npz(parts: dict[str, Dataset], path: Path) -> None:
    """An .npz file with Keras' names, x_train, y_train, x_test, y_test, and the names of the classes."""
    arrays: dict[str, NDArray[np.generic]] = {"classes": np.array(next(iter(parts.values())).classes)}
    for part, data in parts.items():
        arrays |= {f"x_{part}": data.images.numpy(), f"y_{part}": data.labels.numpy()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def write_folders(parts: dict[str, Dataset], folder: Path) -> None:
    """train/CLASS/000001.png and test/CLASS/000001.png."""
    for name in next(iter(parts.values())).classes:
        if not name or name in (".", "..") or any(character in '/\\:*?"<>|\0' for character in name):
            raise DataError("forms.class_no_folder", path=folder, name=repr(name))
    with atomic_directory(folder) as temporary:
        for part, data in parts.items():
            for name in data.classes:
                (temporary / part / name).mkdir(parents=True)
            for index, (image, label) in enumerate(zip(data.images.numpy(), data.labels.tolist(), strict=True), 1):
                Image.fromarray(image).save(temporary / part / data.classes[label] / f"{index:06d}.png")


WRITERS: dict[str, Callable[[dict[str, Dataset], Path], None]] = {"idx": write_idx, "npz": write_npz, "folders": write_folders}
FILES = ("npz",)  # the other forms are folders
