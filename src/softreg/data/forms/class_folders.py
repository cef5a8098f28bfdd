"""Folders of pictures: one subfolder for each class, perhaps inside train/ and test/ or val/. The folder's name is the class's."""

import os
from pathlib import Path
from unicodedata import normalize

from softreg.data.forms.pictures import Encoded, commonest_size, decode_all, is_grey, to_tensor
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source, WholeForm
from softreg.errors import DataError

IGNORED = ("thumbs.db", "desktop.ini")


class ClassFolders(WholeForm):
    """CLASS/picture, or train/CLASS/picture and test/CLASS/picture."""

    def matches(self, path: Path) -> bool:
        """Whether it is a folder with folders in it."""
        return path.is_dir() and bool(_subfolders(path))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`. Pictures of other sizes are brought to the commonest of the training part, or to `options.size`."""
        folders = _parts(path)
        files = {part: _files(folder) for part, folder in folders.items()}
        for part, found in files.items():
            if not found:
                raise DataError("data.no_images", path=folders[part])
        pictures = {part: [Encoded(file, str(file)) for file, _ in found] for part, found in files.items()}
        size = options.size or commonest_size(next(iter(pictures.values())), path)
        decoded = {part: decode_all(found, size, options, folders[part]) for part, found in pictures.items()}
        grey = all(is_grey(images) for images, _ in decoded.values())
        read = {}
        for part, (images, good) in decoded.items():
            kept = [files[part][index] for index in good]
            ids = tuple(str(file.relative_to(folders[part])) for file, _ in kept)
            read[part] = Part(to_tensor(images, grey=grey), [name for _, name in kept], folders[part], ids)
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
