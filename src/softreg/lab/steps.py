"""The steps of the lesson in one language: the cells of `lesson.py` with their text."""

import re
from dataclasses import dataclass
from importlib.resources import files

from softreg.messages import Language, catalogue

_CELL = re.compile(r"^# %% (\w+)\n", re.MULTILINE)
PARAMETERS = "parameters"  # the cell with the number of epochs


@dataclass(frozen=True)
class Step:
    """One step of the lesson.

    Attributes
    ----------
    name : of the cell, in `lesson.py`
    text : Markdown, shown before the code
    code : Python, shown exactly as it is executed; "" in a step without code
    """

    name: str
    text: str
    code: str


def make_steps(language: Language, epochs: int | None = None) -> list[Step]:
    """The lesson in `language`; `epochs` replaces the number of epochs in its code, None keeps the lab's 15."""
    texts, cells = catalogue("lesson"), read_cells()
    if epochs is not None:
        cells[PARAMETERS] = re.sub(r"(training_epochs =) \d+", rf"\1 {epochs:d}", cells[PARAMETERS])
    return [Step(name, texts[name][language], translate_code(code, language)) for name, code in cells.items()]


def read_cells() -> dict[str, str]:
    """The cells of `lesson.py` in order, code by name, without what stands above the first."""
    source = files(__package__).joinpath("lesson.py").read_text(encoding="utf-8")
    _, *parts = _CELL.split(source)
    return {name: code.strip("\n") for name, code in zip(parts[::2], parts[1::2], strict=True)}


def translate_code(code: str, language: Language) -> str:
    """`code` with its printed texts and its comments in `language`, by the `code_*` entries of `messages/lab.toml`."""
    for name, message in catalogue("lab").items():
        if name.startswith("code_"):
            code = code.replace(message["en"].format(), message[language].format())  # {{ and }} become single braces
    return code
