"""Folders of pictures: one subfolder for each class, perhaps inside train/ and test/ or val/. The folder's name is the class's."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image

from softreg.data.dataset import MAX_SIDE, MIN_SIDE
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source, WholeForm
from softreg.errors import DataError, PictureError, SoftregWarning
from softreg.imaging.decode import FORMATS, decode
from softreg.messages import translate

SHOWN = 5  # bad files that a message names
IGNORED = ("thumbs.db", "desktop.ini")


class ClassFolders(WholeForm):
    """CLASS/picture, or train/CLASS/picture and test/CLASS/picture."""

    def matches(self, path: Path) -> bool:
        """Whether it is a folder with folders in it."""
        return path.is_dir() and bool(_subfolders(path))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. Pictures of other sizes are brought to the commonest of the training part, or to `options.size`."""
        parts = _parts(path)
        files = {part: _files(folder) for part, folder in parts.items()}
        for part, found in files.items():
            if not found:
                raise DataError("data.no_images", path=parts[part])
        size = options.size or _commonest_size(next(iter(files.values())), path)
        pixels = {part: _pixels(found, size, options, parts[part]) for part, found in files.items()}
        grey = all(bool((images[..., :1] == images).all()) for images, _ in pixels.values())
        read = {part: _part(*pixels[part], parts[part], grey=grey) for part in files}
        return Source(read.get("train"), read.get("test"))


def _parts(path: Path) -> dict[str, Path]:
    """The folders of the parts; without any, the folder itself is the training part."""
    folders = {folder.name.lower(): folder for folder in _subfolders(path)}
    found = {
        "train": next((folders[name] for name in TRAIN_NAMES if name in folders), None),
        "test": next((folders[name] for name in TEST_NAMES if name in folders), None),
    }
    return {part: folder for part, folder in found.items() if folder} or {"train": path}


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path) -> list[tuple[Path, str]]:
    """All files of a part with their class, in the order of their paths."""
    return [
        (Path(parent, name), normalize("NFC", sub.name))
        for sub in _subfolders(folder)
        for parent, _, names in sorted(os.walk(sub))
        for name in sorted(names)
        if not name.startswith(".") and name.lower() not in IGNORED
    ]


def _commonest_size(files: list[tuple[Path, str]], path: Path) -> tuple[int, int]:
    """(height, width) of most pictures, by their headers; the smaller of two as common."""
    sizes = Counter(size for file, _ in files if (size := _size(file)))
    if not sizes:
        raise DataError("forms.no_pictures", path=path)
    height, width = min(sizes, key=lambda size: (-sizes[size], size))
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise DataError("forms.picture_size", path=path, height=height, width=width, low=MIN_SIDE, high=MAX_SIDE)
    return height, width


def _size(file: Path) -> tuple[int, int] | None:
    """(height, width), upright, by the header; None if there is none: the decoder will say why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                width, height = image.size
                turned = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:
        return None
    return (width, height) if turned else (height, width)


def _pixels(
    files: list[tuple[Path, str]], size: tuple[int, int], options: ReadOptions, where: Path
) -> tuple[NDArray[np.uint8], list[tuple[Path, str]]]:
    """The pictures that can be read, uint8 (N, H, W, 3), and their files and classes."""
    images = np.empty((len(files), *size, 3), np.uint8)
    good: list[tuple[Path, str]] = []
    bad: list[str] = []
    resized = 0
    for file, name, picture in _decoded(files):
        if isinstance(picture, PictureError):
            bad.append(str(picture))
            continue
        resized += picture.shape[:2] != size
        images[len(good)] = picture if picture.shape[:2] == size else _resized(picture, size)
        good.append((file, name))
    if bad:
        listed = "; ".join(bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
        if not options.skip_bad:
            raise DataError("forms.bad_pictures", path=where, count=len(bad), n=len(files), listed=listed)
        warnings.warn(
            translate("forms.skipped", path=where, count=len(bad), n=len(files), listed=listed), SoftregWarning, stacklevel=2
        )
    if resized:
        height, width = size
        warnings.warn(
            translate("forms.resized", path=where, count=resized, n=len(files), height=height, width=width),
            SoftregWarning,
            stacklevel=2,
        )
    if not good:
        raise DataError("forms.no_pictures", path=where)
    return images[: len(good)], good


def _decoded(files: list[tuple[Path, str]]) -> Iterator[tuple[Path, str, NDArray[np.uint8] | PictureError]]:
    for file, name in files:
        try:
            yield file, name, np.rint(decode(file).pixels).astype(np.uint8)
        except PictureError as error:
            yield file, name, error


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _part(images: NDArray[np.uint8], files: list[tuple[Path, str]], folder: Path, *, grey: bool) -> Part:
    pixels = np.ascontiguousarray(images[..., 0]) if grey else images
    ids = tuple(str(file.relative_to(folder)) for file, _ in files)
    return Part(torch.from_numpy(pixels), [name for _, name in files], folder, ids)
