""".mat files of MATLAB, version 5 to 7: SVHN's, USPS', and others with arrays X and y, images last."""

import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.data.forms.named_arrays import from_named_arrays, role_of
from softreg.data.forms.source import ReadOptions, Source, WholeForm, files_by_part
from softreg.data.idx import MAX_BYTES
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

SUFFIXES = (".mat",)
USPS_ALL = (256, 1100, 10)  # 1,100 images of 16 x 16 for each of 1, 2, ..., 9, 0


class MatFile(WholeForm):
    """A .mat file, or a folder with train_32x32.mat and test_32x32.mat."""

    def matches(self, path: Path) -> bool:
        """Whether it is such a file or folder."""
        return path.suffix.lower() in SUFFIXES if path.is_file() else bool(path.is_dir() and files_by_part(path, SUFFIXES))

    def read(self, path: Path, options: ReadOptions) -> Source:
        """See `Form`."""
        if path.is_file():
            return from_named_arrays(_arrays(path), path, options.size)
        files = files_by_part(path, SUFFIXES)
        for part, found in files.items():
            if len(found) > 1:
                raise DataError("forms.several", path=path, part=part, files=", ".join(file.name for file in found[:5]))
        sources = {part: from_named_arrays(_arrays(found[0]), found[0], options.size) for part, found in files.items()}
        parts = {part: source.train or source.test for part, source in sources.items()}
        return Source(parts.get("train"), parts.get("test"), next(iter(sources.values())).classes)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the file, images first. Sizes are checked by the headers before anything is read."""
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
    return _images_first({name: found[name] for name in declared if isinstance(found.get(name), np.ndarray)}, path)


def _images_first(arrays: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    """MATLAB keeps the images' index last: it is brought to the front, and labels of 1 to 10 are made digits."""
    if set(arrays) == {"data"} and arrays["data"].shape == USPS_ALL:
        images = arrays["data"].transpose(2, 1, 0).reshape(-1, USPS_ALL[0])
        return {"X": images, "y": np.repeat([*range(1, 10), 0], USPS_ALL[1])}
    labels = {name: array for name, array in arrays.items() if (role_of(name) or ("",))[0] == "labels"}
    lengths = {array.size for array in labels.values()}
    moved = {
        name: np.moveaxis(array, -1, 0) if array.ndim > 2 and array.shape[-1] in lengths - {array.shape[0]} else array
        for name, array in arrays.items()
    }
    for name, array in labels.items():
        flat = array.reshape(-1)
        if flat.size and flat.dtype.kind in "uif" and set(np.unique(flat).tolist()) == set(range(1, 11)):
            warnings.warn(translate("forms.mat_ten", path=f"{path}: {name}"), SoftregWarning, stacklevel=2)
            flat = np.where(flat == 10, 0, flat)
        moved[name] = flat
    return moved
