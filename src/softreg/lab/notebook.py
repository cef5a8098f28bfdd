"""The lesson as a Jupyter notebook: `softreg lab --notebook FILE`. Tests hold the ones in `notebooks/` to it.

Notebooks are written without outputs. The cell tagged `parameters` holds the number of epochs.
"""

import importlib.metadata
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from softreg.lab.steps import PARAMETERS, make_steps
from softreg.messages import Language, catalogue
from softreg.storage.atomic import reraise_as_write_error, write_bytes
from softreg.storage.destination import check_destination

COLAB = "https://colab.research.google.com"  # COLAB/github/OWNER/NAME/blob/main/... opens a notebook of a public repository
REPOSITORY = "repository"  # the label under [project.urls] of pyproject.toml; without it there is no link to the notebook itself
_INSTALL = """import sys

if "google.colab" in sys.modules:
    %pip install --quiet {package}"""


def write_notebook(path: Path, language: Language, epochs: int | None = None, *, force: bool = False) -> None:
    """Write the lesson in `language` to `path`; `epochs` as in `make_steps`.

    Raises
    ------
    WriteError
        If the file exists and not `force`: it may hold somebody's answers.
    """
    check_destination(path, force=force, new_folder=True)
    text = json.dumps(make_notebook(language, epochs), indent=1, ensure_ascii=False, sort_keys=True)
    with reraise_as_write_error(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, (text + "\n").encode(), replace=force)


def make_notebook(language: Language, epochs: int | None = None) -> dict[str, Any]:
    """The lesson in `language` in Jupyter's format 4.5: the steps of the terminal, and after the first how to open it in Colab."""
    how_to_open, package = colab(language, repository())
    title, *steps = make_steps(language, epochs)
    cells = [
        _markdown_cell(title.name, title.text),
        _markdown_cell("colab", how_to_open),
        _code_cell("install", _INSTALL.format(package=package)),
    ]
    for step in steps:
        cells.append(_markdown_cell(step.name, step.text))
        if step.code:
            cells.append(_code_cell(step.name, step.code))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def repository() -> str | None:
    """The address of softreg's public repository, if pyproject.toml names one."""
    urls = importlib.metadata.metadata("softreg").get_all("Project-URL") or ()
    pairs = [url.split(", ", 1) for url in urls]
    return next((address for label, address in pairs if label.lower() == REPOSITORY), None)


def colab(language: Language, repository: str | None) -> tuple[str, str]:
    """Markdown on how to open the notebook in Colab, and what pip installs there."""
    if repository is None:
        return catalogue("lab")["colab_upload"][language].format(link=COLAB), "softreg-*.whl"
    owner_and_name = urlsplit(repository).path.strip("/").removesuffix(".git")
    link = f"{COLAB}/github/{owner_and_name}/blob/main/notebooks/softreg-lab.{language}.ipynb"
    return catalogue("lab")["colab_link"][language].format(link=link), f"git+{repository}"


def _markdown_cell(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"{name}-words", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code_cell(name: str, text: str) -> dict[str, Any]:
    tags = {"tags": ["parameters"]} if name == PARAMETERS else {}
    source = text.splitlines(keepends=True)
    return {"cell_type": "code", "id": f"{name}-code", "metadata": tags, "source": source, "execution_count": None, "outputs": []}
