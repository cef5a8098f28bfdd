"""The forms by name, in the order in which a path is tried. To add one: a file beside this, and an entry here.

Importing this does not import torch.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from softreg.errors import DataError

if TYPE_CHECKING:
    from softreg.data.forms.source import Form


@dataclass(frozen=True)
class FormInfo:
    """Where a form's reader is, and what it reads, as messages say it.

    Attributes
    ----------
    location : module:class
    reads : e.g. "*.csv"
    """

    location: str
    reads: str


PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")

FORMS = {
    "idx": FormInfo("softreg.data.folder:IdxFolder", "train-images-idx3-ubyte[.gz] ..."),
    "torchvision": FormInfo("softreg.data.forms.torchvision_root:TorchvisionRoot", "FashionMNIST/raw/, EMNIST/raw/ ..."),
    "picture table": FormInfo("softreg.data.forms.picture_table:PictureTable", "*.csv[.gz] beside the pictures it names"),
    "csv": FormInfo("softreg.data.forms.csv_table:CsvTable", "*.csv[.gz]"),
    "npz": FormInfo("softreg.data.forms.numpy_file:NumpyFile", "*.npz, *.npy"),
    "safetensors": FormInfo("softreg.data.forms.safetensors_file:SafetensorsFile", "*.safetensors"),
    "parquet": FormInfo("softreg.data.forms.parquet:Parquet", "*.parquet"),
    "mat": FormInfo("softreg.data.forms.mat_file:MatFile", "*.mat"),
    "folders": FormInfo("softreg.data.forms.class_folders:ClassFolders", "CLASS/*.png, train/CLASS/*.png ..."),
}


def find_form(path: Path) -> "tuple[Form, Path]":
    """The reader of the first form that `path` looks like, and what to read: `path`, or the only folder in it.

    Raises
    ------
    DataError
        If it looks like none.
    """
    if path.is_file() and path.suffix.lower() in PICKLES:
        raise DataError("forms.npy_pickle", path=path)
    form = _form_of(path)
    if form is None or isinstance(form, _class("folders")):
        inner = _only_folder(path)
        if inner is not None:
            return find_form(inner)
    if form is None:
        raise DataError("forms.unknown", path=path, forms="; ".join(info.reads for info in FORMS.values()))
    return form, path


def _form_of(path: Path) -> "Form | None":
    for name in FORMS:
        form: Form = _class(name)()
        if form.matches(path):
            return form
    return None


def _class(name: str) -> type:
    module, _, cls = FORMS[name].location.partition(":")
    found: type = getattr(import_module(module), cls)
    return found


def _only_folder(path: Path) -> Path | None:
    """The folder that a dataset has been packed in, e.g. archive/mnist_png: no part, and more than one class's pictures in it."""
    from softreg.data.forms.class_folders import subfolders
    from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, words_of

    inside = subfolders(path) if path.is_dir() else []
    if len(inside) != 1 or set(words_of(inside[0].name)) & {*TRAIN_NAMES, *TEST_NAMES}:
        return None
    form = _form_of(inside[0])
    flat = isinstance(form, _class("folders")) and not subfolders(inside[0])
    return inside[0] if form is not None and not flat else None
