"""convert(): a dataset of any form, written as IDX, NPZ or class folders."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from softreg.data.assemble import class_names, number
from softreg.data.dataset import Dataset
from softreg.data.forms.registry import find_form
from softreg.data.forms.source import Part, ReadOptions, Source
from softreg.data.idx import UBYTE
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
    parts = _parts(os.fspath(name_or_path), options)
    WRITERS[form](parts, path)
    return parts


def _parts(name: str, options: ReadOptions) -> dict[str, Dataset]:
    """The parts that there are, their labels numbered alike; nothing is held out."""
    if name in DATASETS:
        splits = load_dataset(name)
        return {"train": splits.train, "test": splits.test}
    path = existing_path(name)
    form, inside = find_form(path)
    source = form.read(inside, options).split()
    classes = class_names(source if source.train is not None else Source(source.test, None, source.classes))
    found: dict[str, Part | None] = {"train": source.train, "test": source.test}
    return {
        part: number(images, classes, name) for part, images in found.items() if images is not None and images.labels is not None
    }


def write_idx(parts: dict[str, Dataset], folder: Path) -> None:
    """A folder of IDX files; images in colour have four dimensions, (N, H, W, 3)."""
    for data in parts.values():
        if len(data.classes) > 256:
            raise DataError("forms.too_many_classes", path=folder, count=len(data.classes))
    with atomic_directory(folder) as temporary:
        for part, data in parts.items():
            for content, array in (("images", data.images.numpy()), ("labels", data.labels.numpy().astype(np.uint8))):
                path = temporary / f"{IDX_NAMES[part]}-{content}-idx{array.ndim}-ubyte"
                with path.open("wb") as file:
                    file.write(struct.pack(f">HBB{array.ndim}I", 0, UBYTE, array.ndim, *array.shape))
                    file.write(np.ascontiguousarray(array).data)


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
