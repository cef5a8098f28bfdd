""".mat files of MATLAB, version 5 to 7: SVHN's, USPS', and others with arrays X and y, images last."""

import re
import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.data.forms.named_arrays import from_named_arrays, role_of, with_columns
from softreg.data.forms.source import ReadOptions, Source, WholeForm, files_by_part, one_file
from softreg.data.idx import MAX_BYTES
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

SUFFIXES = (".mat",)
ONE_MORE = "gnd"  # labels that Cai's files count from 1: 10 is the 9
USPS_ALL = (256, 1100, 10)  # 1,100 images of 16 x 16 for each of 1, 2, ..., 9, 0


class MatFile(WholeForm):
    """A .mat file, or a folder with train_32x32.mat and test_32x32.mat."""

    def matches(self, path: Path) -> bool:
        """Whether it is such a file or folder."""
        return path.suffix.lower() in SUFFIXES if path.is_file() else bool(path.is_dir() and files_by_part(path, SUFFIXES))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""
        if path.is_file():
            arrays = _arrays(path, options)
            return with_columns(from_named_arrays(arrays, path, options), arrays, options, path)
        files = files_by_part(path, SUFFIXES)
        single = {part: one_file(path, part, found) for part, found in files.items()}
        sources = {part: from_named_arrays(_arrays(file, options), file, options) for part, file in single.items()}
        parts = {part: source.train or source.test for part, source in sources.items()}
        return Source(parts.get("train"), parts.get("test"), next(iter(sources.values())).classes)


def _arrays(path: Path, options: ReadOptions) -> dict[str, NDArray[Any]]:
    """The arrays of the file. Sizes are checked by the headers before anything is read."""
    from scipy.io import loadmat, whosmat

    try:
        declared = {name: shape for name, shape, kind in whosmat(path) if kind not in ("cell", "struct", "object", "function")}
        if sum(8 * prod(shape) for shape in declared.values()) > MAX_BYTES:
            raise DataError("forms.mat_damaged", path=path, why=f"{declared}")
        found = loadmat(path, variable_names=list(declared))
    except DataError:
        raise
    except NotImplementedError as error:
        raise DataError("forms.mat_version", path=path) from error
    except Exception as error:  # scipy's reader raises almost anything on damaged files
        raise DataError("forms.mat_damaged", path=path, why=str(error)[:100] or type(error).__name__) from error
    arrays = {name: found[name] for name in declared if isinstance(found.get(name), np.ndarray)}
    asked = {name.lower() for name in (options.label, options.split, options.group) if name}
    flat = {name: array.reshape(-1) for name, array in arrays.items() if name.lower() in asked and 1 in array.shape}
    return _digits(arrays | flat, path)


def _digits(arrays: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    """The arrays, with labels flat, and those of 1 to 10 made digits: 10 is the 0, as SVHN and many a course have it."""
    if set(arrays) == {"data"} and arrays["data"].shape == USPS_ALL:
        images = arrays["data"].transpose(2, 1, 0).reshape(-1, USPS_ALL[0])
        return {"X": images, "y": np.repeat([*range(1, 10), 0], USPS_ALL[1])}
    if by_digit := _by_digit(arrays):
        return by_digit
    found = dict(arrays)
    for name, array in arrays.items():
        if (role_of(name) or ("",))[0] != "labels":
            continue
        flat = array.reshape(-1) if 1 in array.shape else array
        if flat.size and flat.dtype.kind in "uif" and name != ONE_MORE and set(np.unique(flat).tolist()) == set(range(1, 11)):
            warnings.warn(translate("forms.mat_ten", path=f"{path}: {name}"), SoftregWarning, stacklevel=2)
            flat = np.where(flat == 10, 0, flat)
        found[name] = flat
    return found


def _by_digit(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays train0 ... train9, test0 ... test9 (mnist_all.mat) as images and labels of each part; {} if they are not named so."""
    found = [(match, array) for name, array in arrays.items() if (match := re.fullmatch(r"(train|test)(\d)", name))]
    if len(found) < len(arrays):
        return {}
    parts: dict[str, list[tuple[NDArray[Any], int]]] = {}
    for match, array in found:
        parts.setdefault(match[1], []).append((array, int(match[2])))
    return {
        f"{kind}_{part}": array
        for part, pairs in parts.items()
        for kind, array in (
            ("x", np.concatenate([images for images, _ in pairs])),
            ("y", np.repeat([digit for _, digit in pairs], [len(images) for images, _ in pairs])),
        )
    }
