"""Writes the lesson's notebooks and executes them whole, outputs included: `make notebooks`, some minutes."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

from softreg.lab.notebook import write_notebook
from softreg.messages import LANGUAGES

HERE = Path(__file__).parent


def execute(path: Path) -> None:
    """Execute the notebook in `path` in a kernel of its own and keep its outputs, without what names this machine or moment."""
    document = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    metadata = dict(document.metadata)
    with TemporaryDirectory() as folder:  # the lesson puts MNIST_data/ beside itself
        NotebookClient(document, timeout=3600, coalesce_streams=True, resources={"metadata": {"path": folder}}).execute()
    document.metadata = metadata
    for cell in document.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(document, path)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    for language in LANGUAGES:
        notebook = HERE / f"softreg-lab.{language}.ipynb"
        write_notebook(notebook, language, force=True)
        execute(notebook)
        sys.stdout.write(f"{notebook}\n")
