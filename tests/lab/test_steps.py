"""The steps: each cell has its text, and Korean code differs from English in texts and comments only."""

import ast
from typing import Any

import pytest

from softreg.lab.steps import make_steps, read_cells, translate_code
from softreg.messages import LANGUAGES, catalogue


def test_each_cell_has_its_words_and_they_have_their_cell() -> None:
    assert list(read_cells()) == list(catalogue("lesson"))


def test_everything_to_translate_is_there() -> None:
    code = "\n".join(read_cells().values())
    for name, message in catalogue("lab").items():
        if name.startswith("code_"):
            assert message["en"].format() in code, name


def test_korean_code_is_the_same_code() -> None:
    """Only texts and comments differ."""

    class Blank(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.Constant("") if isinstance(node.value, str) else node

        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
            return ast.Constant("")

    for code in read_cells().values():
        english, korean = (ast.dump(Blank().visit(ast.parse(translate_code(code, language)))) for language in LANGUAGES)
        assert english == korean


@pytest.mark.parametrize("language", LANGUAGES)
def test_epochs_stand_in_the_code(language: Any) -> None:
    (parameters,) = (step.code for step in make_steps(language, epochs=3) if step.name == "parameters")
    assert "training_epochs = 3\n" in parameters
    assert "training_epochs = 15\n" in next(step.code for step in make_steps(language) if step.name == "parameters")
