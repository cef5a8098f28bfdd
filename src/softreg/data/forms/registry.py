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


FORMS = {
    "idx": FormInfo("softreg.data.folder:IdxFolder", "train-images-idx3-ubyte[.gz] ..."),
    "torchvision": FormInfo("softreg.data.forms.torchvision_root:TorchvisionRoot", "FashionMNIST/raw/, EMNIST/raw/ ..."),
    "csv": FormInfo("softreg.data.forms.csv_table:CsvTable", "*.csv[.gz]"),
    "npz": FormInfo("softreg.data.forms.numpy_file:NumpyFile", "*.npz, *.npy"),
    "parquet": FormInfo("softreg.data.forms.parquet:Parquet", "*.parquet"),
    "mat": FormInfo("softreg.data.forms.mat_file:MatFile", "*.mat"),
    "folders": FormInfo("softreg.data.forms.class_folders:ClassFolders", "CLASS/*.png, train/CLASS/*.png ..."),
}


def find_form(path: Path) -> "Form":
    """The reader of the first form that `path` looks like.

    Raises
    ------
    DataError
        If it looks like none.
    """
    for info in FORMS.values():
        module, _, cls = info.location.partition(":")
        form: Form = getattr(import_module(module), cls)()
        if form.matches(path):
            return form
    raise DataError("forms.unknown", path=path, forms="; ".join(info.reads for info in FORMS.values()))
