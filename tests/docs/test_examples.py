"""Every example of README and docs runs as it is printed: `python` blocks in one namespace a page, `sh` blocks line by line.

Each page has a folder of its own to work in, with a photo and a folder of pictures in it. What cannot run here (an installation, a
container) stands in `text` blocks.
"""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from softreg.data.dataset import Splits
from tests.helpers.command_line import call_softreg

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
TRANSLATED = (
    "getting-started",
    "python",
    "your-handwriting",
)  # Korean pages with the code of the English ones: tests/test_readme.py
PAGES = [
    "README.md",
    *(path.relative_to(ROOT).as_posix() for path in DOCS if not (path.parent.name == "ko" and path.stem in TRANSLATED)),
]
ELSEWHERE = ("softreg serve", "softreg lab", "make ")  # run to their end in tests of their own


class CommandsParser(CodeBlockParser):
    """`sh` blocks: every line is a command, perhaps with a comment."""

    language = "sh"

    def evaluate(self, example: Example) -> None:
        """Run each command, for one epoch where it does not say how many; it must end with 0."""
        for line in example.parsed.splitlines():
            command = line.partition(" #")[0].strip()
            if command and not command.startswith(ELSEWHERE):
                assert command.startswith("softreg "), f"only softreg's own commands are run: {command}"
                epochs = {} if "optimum" in command else {"SOFTREG_EPOCHS": "1"}
                done = call_softreg(*command.split()[1:], cwd=Path.cwd(), **epochs)
                assert done.returncode == 0, f"{command}\n{done.stderr}"


def examples(page: str) -> list[Example]:
    """Those of a page, in its order."""
    return list(Sybil(parsers=[PythonCodeBlockParser(), CommandsParser()], path=str(ROOT)).parse(ROOT / page).examples())


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_examples_run_as_printed(page: str, mnist: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "docs/images/photo.jpg", tmp_path)
    for number, (image, label) in enumerate(zip(mnist.train.images[:100], mnist.train.labels[:100].tolist(), strict=True)):
        (tmp_path / f"my-digits/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.numpy()).save(tmp_path / f"my-digits/{label}/{number}.png")
    monkeypatch.chdir(tmp_path)
    for example in examples(page):
        example.evaluate()
