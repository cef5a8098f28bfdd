"""Cells and words put together: the lesson in one language."""

import re
from dataclasses import dataclass
from importlib.resources import files

from softreg.messages import Language, catalogue

_CELL = re.compile(r"^# %% (\w+)\n", re.MULTILINE)
PARAMETERS = "parameters"  # the cell that says how many epochs


@dataclass(frozen=True)
class Step:
    """One step of the lesson.

    Attributes
    ----------
    name : of the cell, in `lesson.py`
    words : Markdown
    code : Python, shown as it is executed; "" where there are only words
    """

    name: str
    words: str
    code: str


def make_steps(language: Language, epochs: int | None = None) -> list[Step]:
    """The lesson in `language`; `epochs` puts another number of epochs in the code, None leaves the lab's 15."""
    words, cells = catalogue("lesson"), read_cells()
    if epochs is not None:
        cells[PARAMETERS] = re.sub(r"(training_epochs =) \d+", rf"\1 {epochs:d}", cells[PARAMETERS])
    return [Step(name, words[name][language], translate(code, language)) for name, code in cells.items()]


def read_cells() -> dict[str, str]:
    """The code of `lesson.py` by the names of its cells, in order; what stands above the first is left out."""
    text = files(__package__).joinpath("lesson.py").read_text(encoding="utf-8")
    _, *parts = _CELL.split(text)
    return {name: code.strip("\n") for name, code in zip(parts[::2], parts[1::2], strict=True)}


def translate(code: str, language: Language) -> str:
    """`code` with every text it prints, and every comment, in `language`: the `code_*` entries of `messages/lab.toml`."""
    for name, said in catalogue("lab").items():
        if name.startswith("code_"):
            code = code.replace(said["en"].format(), said[language].format())  # {{ and }} are one brace, as in every sentence
    return code
