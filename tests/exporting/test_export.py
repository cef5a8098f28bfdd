"""export(): a whole file or none, never over another one unless forced."""

from pathlib import Path

import pytest
import torch

from softreg.errors import RunError, WriteError
from softreg.exporting.export import export, to_bytes
from softreg.exporting.registry import FORMATS
from softreg.features.pixels import Pixels
from softreg.model.softmax_regression import SoftmaxRegression


@pytest.fixture(scope="module")
def tiny() -> SoftmaxRegression:
    model = SoftmaxRegression(Pixels(), ("no", "yes")).eval()
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(0)))
    return model


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_file_holds_the_bytes_and_is_replaced_only_by_force(tiny: SoftmaxRegression, file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"precious")
    with pytest.raises(WriteError, match=str(path)):
        export(tiny, file_format, path)
    assert path.read_bytes() == b"precious"
    export(tiny, file_format, path, force=True)
    assert path.read_bytes() == to_bytes(tiny, file_format)
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_format_and_a_missing_folder_are_refused(tiny: SoftmaxRegression, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="onnx, npz, json"):
        export(tiny, "pickle", tmp_path / "file")
    with pytest.raises(WriteError, match="none"):
        export(tiny, "json", tmp_path / "none" / "file")
    assert list(tmp_path.iterdir()) == []
