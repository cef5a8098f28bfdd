"""export(): a whole file or none, never over another one unless forced."""

from pathlib import Path

import pytest
import torch

from softreg.errors import RunError, WriteError
from softreg.exporting.export import export, to_bytes, to_files
from softreg.exporting.registry import FORMATS
from softreg.features.pixels import Pixels
from softreg.model.softmax_regression import SoftmaxRegression


@pytest.fixture(scope="module")
def tiny() -> SoftmaxRegression:
    model = SoftmaxRegression(Pixels(), ("no", "yes")).eval()
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(0)))
    return model


@pytest.mark.parametrize("file_format", [name for name, known in FORMATS.items() if not known.is_folder])
def test_the_file_holds_the_bytes_and_is_replaced_only_by_force(tiny: SoftmaxRegression, file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"precious")
    with pytest.raises(WriteError, match=str(path)):
        export(tiny, file_format, path)
    assert path.read_bytes() == b"precious"
    export(tiny, file_format, path, force=True)
    assert path.read_bytes() == to_bytes(tiny, file_format)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_holds_the_files_and_only_an_earlier_export_is_replaced_by_force(tiny: SoftmaxRegression, tmp_path: Path) -> None:
    path = tmp_path / "site"
    export(tiny, "web", path, images=100)
    with pytest.raises(WriteError, match=str(path)):
        export(tiny, "web", path, images=100)
    export(tiny, "web", path, force=True, images=0)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == to_files(tiny, "web", 0)
    (path / "precious").write_bytes(b"")
    with pytest.raises(WriteError, match=str(path)):
        export(tiny, "web", path, force=True, images=0)
    assert (path / "precious").exists()
    assert list(tmp_path.iterdir()) == [path]


def test_images_travel_only_with_pages(tiny: SoftmaxRegression) -> None:
    with pytest.raises(RunError, match="html, web"):
        to_bytes(tiny, "json", 100)


def test_an_unknown_format_and_a_missing_folder_are_refused(tiny: SoftmaxRegression, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=", ".join(FORMATS)):
        export(tiny, "pickle", tmp_path / "file")
    with pytest.raises(WriteError, match="none"):
        export(tiny, "json", tmp_path / "none" / "file")
    assert list(tmp_path.iterdir()) == []
