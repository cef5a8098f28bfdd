"""The lesson as a Jupyter notebook: `softreg lab --notebook FILE`. Those in `notebooks/` are made so, and tests compare them.

No outputs are kept: they would be somebody else's. The cell tagged `parameters` says how many epochs.
"""

import json
from importlib.metadata import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from softreg.lab.steps import PARAMETERS, make_steps
from softreg.messages import Language, catalogue
from softreg.storage.atomic import write_bytes

COLAB = "https://colab.research.google.com"  # COLAB/github/OWNER/NAME/blob/main/... opens a notebook of a public repository
REPOSITORY = "repository"  # the label under [project.urls] of pyproject.toml; without it there is no link to the notebook itself
_INSTALL = """import sys

if "google.colab" in sys.modules:
    %pip install --quiet {what}"""


def write_notebook(path: Path, language: Language, epochs: int | None = None) -> None:
    """Write the lesson in `language` to `path`, whole; `epochs` as in `make_steps`."""
    text = json.dumps(make_notebook(language, epochs), indent=1, ensure_ascii=False, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, (text + "\n").encode())


def make_notebook(language: Language, epochs: int | None = None) -> dict[str, Any]:
    """The lesson in `language`, in Jupyter's format 4.5: the same steps as in the terminal, and after the first a word on Colab."""
    where, what = colab(language, repository())
    title, *steps = make_steps(language, epochs)
    cells = [_words(title.name, title.words), _words("colab", where), _code("install", _INSTALL.format(what=what))]
    for step in steps:
        cells.append(_words(step.name, step.words))
        if step.code:
            cells.append(_code(step.name, step.code))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}


def repository() -> str | None:
    """The address of softreg's public repository, if pyproject.toml names one."""
    pairs = [each.split(", ", 1) for each in metadata("softreg").get_all("Project-URL") or ()]
    return next((address for label, address in pairs if label.lower() == REPOSITORY), None)


def colab(language: Language, repository: str | None) -> tuple[str, str]:
    """What the notebook says about Colab, and what is installed there."""
    if repository is None:
        return catalogue("lab")["colab_upload"][language].format(link=COLAB), "softreg-*.whl"
    home = urlsplit(repository).path.strip("/").removesuffix(".git")
    link = f"{COLAB}/github/{home}/blob/main/notebooks/softreg-lab.{language}.ipynb"
    return catalogue("lab")["colab_link"][language].format(link=link), f"git+{repository}"


def _words(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"{name}-words", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(name: str, text: str) -> dict[str, Any]:
    tags = {"tags": ["parameters"]} if name == PARAMETERS else {}
    source = text.splitlines(keepends=True)
    return {"cell_type": "code", "id": f"{name}-code", "metadata": tags, "source": source, "execution_count": None, "outputs": []}
