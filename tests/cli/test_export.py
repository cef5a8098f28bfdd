"""`softreg export`: a file of each format, never over another one unless forced."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from softreg.cli.export import command
from softreg.errors import RunError, WriteError
from softreg.exporting.registry import FORMATS
from softreg.features.registry import make_feature_map
from softreg.messages import LANGUAGES, Language, use_language
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression


@pytest.fixture
def run(tmp_path: Path) -> Path:
    model = SoftmaxRegression(make_feature_map("pixels"), ("아니요", "예"))
    model.set_theta(torch.zeros(2, 785))
    (tmp_path / "run").mkdir()
    save_model(model, tmp_path / "run" / "model.safetensors")
    return tmp_path / "run"


@pytest.mark.parametrize("file_format", [name for name, known in FORMATS.items() if not known.is_folder])
def test_the_command(run: Path, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke = CliRunner().invoke
    assert invoke(command, [str(run), "--format", file_format]).exit_code == 0
    assert (tmp_path / f"run.{file_format}").stat().st_size > 1000
    again = invoke(command, [str(run), "--format", file_format])
    assert isinstance(again.exception, WriteError)
    forced = invoke(command, [str(run), "--format", file_format, "--force", "--json"])
    assert json.loads(forced.stdout)["bytes"] == (tmp_path / f"run.{file_format}").stat().st_size
    nowhere = invoke(command, [str(run), "--format", file_format, "--out", str(tmp_path / "none" / "file")])
    assert isinstance(nowhere.exception, WriteError)


def test_a_page_takes_images_along(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke = CliRunner().invoke
    result = invoke(command, [str(run), "--format", "web", "--images", "100", "--json"])
    size = sum(file.stat().st_size for file in (tmp_path / "run-web").iterdir())
    assert json.loads(result.stdout)["bytes"] == size > 100_000
    assert invoke(command, [str(run), "--format", "html", "--images", "100"]).exit_code == 0
    refused = invoke(command, [str(run), "--format", "npz", "--images", "100"])
    assert isinstance(refused.exception, RunError)
    assert not (tmp_path / "run.npz").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_describes_every_format(language: Language) -> None:
    use_language(language)
    shown = " ".join(CliRunner().invoke(command, ["--help"]).stdout.split())  # without its line breaks
    for name, export_format in FORMATS.items():
        assert f"{name} ({export_format.help})" in shown
