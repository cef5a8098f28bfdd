"""The table of the lab: every row's step exists, and says, does or prints what the row quotes, in both languages."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from softreg.lab.steps import Step, make_steps
from softreg.messages import LANGUAGES, Language
from tests.helpers.lab_table import LAB_COSTS

ROOT = Path(__file__).parents[2]
ROWS = [
    row for part in tomllib.loads((ROOT / "docs/lab/coverage.toml").read_text(encoding="utf-8"))["part"] for row in part["rows"]
]


def quotation(row: dict[str, Any], kind: str, language: str) -> str:
    """What the row quotes of this kind in this language; "" if nothing."""
    quoted = row.get(kind, "")
    return str(quoted[language]) if isinstance(quoted, dict) else str(quoted)


def printed(language: str) -> dict[str, str]:
    """What each step of the committed notebook prints."""
    document = json.loads((ROOT / f"notebooks/softreg-lab.{language}.ipynb").read_text(encoding="utf-8"))
    return {
        cell["id"].removesuffix("-code"): "".join("".join(output.get("text", "")) for output in cell["outputs"])
        for cell in document["cells"]
        if cell["cell_type"] == "code"
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_quotation_stands_in_its_step(language: Language) -> None:
    steps: dict[str, Step] = {step.name: step for step in make_steps(language)}
    outputs = printed(language)
    missing = []
    for row in ROWS:
        step = steps[row["step"]]
        assert row[language], row
        assert {"says", "code", "prints"} & row.keys(), row
        where = {"says": step.text, "code": step.code, "prints": outputs.get(step.name, "")}
        missing += [(row["step"], kind, row[kind]) for kind, text in where.items() if quotation(row, kind, language) not in text]
    assert missing == []


def test_the_first_five_steps_of_the_lesson_and_all_that_the_lab_prints_are_in_the_table() -> None:
    names = [step.name for step in make_steps("en")]
    of_the_lab = names[names.index("mnist") : names.index("scale")]  # the lesson's own steps begin with the faults
    assert {row["step"] for row in ROWS} == set(of_the_lab)
    quoted = "\n".join(quotation(row, "prints", language) for row in ROWS for language in LANGUAGES)
    for line in (
        "Training on: cpu",
        "다음 기기로 학습합니다: cpu",
        "Learning finished",
        "Accuracy: 0.8883000016212463",
        "Label:  8",
        "Prediction:  3",
    ):
        assert line in quoted
    assert f"Epoch: {len(LAB_COSTS):04d} cost = {LAB_COSTS[-1]:.7f}" in quoted
