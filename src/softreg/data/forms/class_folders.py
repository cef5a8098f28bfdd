"""Folders of pictures: one subfolder for each class, perhaps inside train/ and test/ or val/. The folder's name is the class's.

Pictures that lie in no class's folder have no label.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

from softreg.data.forms.pictures import SUFFIXES, PictureFiles, decode_parts, stream
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source, check_no_label, choose, words_of

IGNORED = ("thumbs.db", "desktop.ini", "__macosx")


class ClassFolders:
    """CLASS/picture, or train/CLASS/picture and test/CLASS/picture."""

    def matches(self, path: Path) -> bool:
        """Whether it is a folder with folders or pictures in it."""
        return path.is_dir() and (bool(subfolders(path)) or any(name.lower().endswith(SUFFIXES) for name in _names(path)))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. Pictures of other sizes are brought to the commonest of the training part, or to `options.size`."""
        check_no_label(path, options)
        folders = _parts(path)
        if "train" in folders and not subfolders(folders.get("test", path)):
            folders.pop("test", None)  # pictures to answer for
        files = {part: _files(folder) for part, folder in folders.items()}
        pictures = {part: PictureFiles(folders[part], names) for part, (names, _) in files.items()}
        read = {}
        for part, (images, good) in decode_parts(pictures, options, folders).items():
            names, classes = ([column[index] for index in good] if column else None for column in files[part])
            read[part] = Part(images, classes, folders[part], names or ())
        return Source(read.get("train"), read.get("test"))

    def stream(self, path: Path, options: ReadOptions, part: str = "") -> Iterator[Part]:
        """See `Form`."""
        if part:
            check_no_label(path, options)
        folder = choose(_parts(path), part, divided=False)
        names, classes = _files(folder) if folder else ([], None)
        if folder is None or (part == "test" and classes is None):
            return
        for images, good in stream(PictureFiles(folder, names), options, folder):
            labels, ids = ([column[index] for index in good] if column else None for column in (classes, names))
            yield Part(images, labels, folder, ids or (), share=(good[-1] + 1) / len(names) if good else 1.0)


def subfolders(path: Path) -> list[Path]:
    """The folders in a folder, by name, but those that the system put there."""
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if not _is_ignored(entry.name) and entry.is_dir()]
    return [path / name for name in sorted(names)]


def _names(path: Path) -> Iterator[str]:
    with os.scandir(path) as entries:
        yield from (entry.name for entry in entries if not _is_ignored(entry.name) and entry.is_file())


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _parts(path: Path) -> dict[str, Path]:
    """The folders of the parts, such as "train", "seg_test" and "val"; without any, the folder itself is the training part.

    A class may be called "train", too: the part has folders of classes in it, or a test part beside it.
    """
    folders = {word: folder for folder in subfolders(path) for word in words_of(folder.name)}
    train = next((folders[name] for name in TRAIN_NAMES if name in folders), None)
    test = next((folders[name] for name in TEST_NAMES if name in folders), None)
    if not any(folder is not None and (subfolders(folder) or (train and test)) for folder in (train, test)):
        return {"train": path}
    return {part: _inner(folder) for part, folder in (("train", train), ("test", test)) if folder}


def _inner(folder: Path) -> Path:
    """The folder that the classes are in, of a folder that has been packed in another: seg_train/seg_train."""
    inside = subfolders(folder)
    return inside[0] if len(inside) == 1 and inside[0].name == folder.name else folder


def _files(folder: Path) -> tuple[list[str], list[str] | None]:
    """The paths of all files in a part, in order, and their classes; None where there are no folders of classes."""
    classes = subfolders(folder)
    if not classes:
        return sorted(_names(folder)), None
    names: list[str] = []
    labels: list[str] = []
    for sub in classes:
        for parent, _, inside in sorted(os.walk(sub)):
            below = os.path.relpath(parent, folder)
            names += [os.path.join(below, name) for name in sorted(inside) if not _is_ignored(name)]  # noqa: PTH118 - faster
        labels += [normalize("NFC", sub.name)] * (len(names) - len(labels))
    return names, labels
