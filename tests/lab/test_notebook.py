"""The notebooks: up to date with the lesson, valid by Jupyter's own check, and executed by a Jupyter kernel."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from softreg.errors import WriteError
from softreg.lab import notebook
from softreg.lab.notebook import colab, make_notebook, write_notebook
from softreg.messages import LANGUAGES, Language
from tests.helpers.lab_table import LAB_COSTS

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TRAINING_ON = {"en": "Training on: cpu", "ko": "다음 기기로 학습합니다: cpu"}


def committed(language: str) -> Path:
    return NOTEBOOKS / f"softreg-lab.{language}.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The notebooks in the repository, each executed in a kernel of its own, with one epoch instead of 15."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        patch.setenv("OMP_NUM_THREADS", "1")  # two kernels at once
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)  # a new machine's font cache is slow
        folders = [tmp_path_factory.mktemp(language) for language in LANGUAGES]
        return dict(zip(LANGUAGES, asyncio.run(execute_side_by_side(folders)), strict=True))


async def execute_side_by_side(folders: list[Path]) -> list[Any]:
    return await asyncio.gather(*(execute(language, folder) for language, folder in zip(LANGUAGES, folders, strict=True)))


async def execute(language: str, folder: Path) -> Any:
    document = read(committed(language))
    (parameters,) = (cell for cell in document.cells if "parameters" in cell.metadata.get("tags", ()))
    parameters.source = parameters.source.replace("training_epochs = 15", "training_epochs = 1")
    client = NotebookClient(document, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return await client.async_execute()


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def outputs(document: Any) -> list[Any]:
    return [output for cell in document.cells if cell.cell_type == "code" for output in cell.outputs]


def printed(document: Any) -> list[str]:
    return "".join(output.text for output in outputs(document) if output.output_type == "stream").splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_notebook_is_up_to_date(language: Language, tmp_path: Path) -> None:
    write_notebook(tmp_path / "new.ipynb", language)
    new, old = read(tmp_path / "new.ipynb"), read(committed(language))
    assert [(cell.id, cell.source) for cell in new.cells] == [(cell.id, cell.source) for cell in old.cells], "make notebooks"
    assert new.metadata == old.metadata


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_outputs_are_those_of_fifteen_epochs(language: str) -> None:
    document = read(committed(language))
    nbformat.validate(document)
    assert len({cell.id for cell in document.cells}) == len(document.cells)
    assert all(cell.execution_count for cell in document.cells if cell.cell_type == "code")
    lines = printed(document)
    costs = [float(line.split("=")[1]) for line in lines if line.startswith("Epoch: ")]
    np.testing.assert_allclose(costs, LAB_COSTS, rtol=0, atol=1e-7)
    assert {"Learning finished", "Accuracy: 0.8883000016212463", "Label:  8", "Prediction:  3"} <= set(lines)
    assert not any(output.get("name") == "stderr" for output in outputs(document))


def test_a_notebook_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "lesson.ipynb"
    path.write_text("answers")
    with pytest.raises(WriteError, match="--force"):
        write_notebook(path, "en")
    assert path.read_text() == "answers"
    write_notebook(path, "en", force=True)
    assert read(path).cells


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_executed_it_prints_the_labs_lines(language: str, executed: dict[str, Any]) -> None:
    lines = printed(executed[language])
    for expected in (TRAINING_ON[language], "Learning finished", "Label:  8"):
        assert lines.count(expected) == 1, expected
    (epoch,) = (line for line in lines if line.startswith("Epoch:"))
    assert epoch.startswith("Epoch: 0001 cost = ")
    assert float(epoch.split("=")[1]) == pytest.approx(0.535150588, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_executed_it_shows_its_figures_and_complains_of_nothing(language: str, executed: dict[str, Any]) -> None:
    shown = outputs(executed[language])
    assert sum("image/png" in output.get("data", {}) for output in shown) == 3
    assert [output.text for output in shown if output.get("name") == "stderr"] == []


def test_colab_opens_the_notebook_of_a_public_repository() -> None:
    text, package = colab("ko", "https://github.com/owner/name.git")
    assert f"{notebook.COLAB}/github/owner/name/blob/main/notebooks/softreg-lab.ko.ipynb" in text
    assert package == "git+https://github.com/owner/name.git"


def test_without_a_public_repository_no_link_is_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "repository", lambda: None)
    text = json.dumps(make_notebook("en"))
    assert "Upload notebook" in text
    assert "github.com" not in text
