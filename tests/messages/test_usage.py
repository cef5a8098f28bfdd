"""Every message is used, and every key that is used has a message."""

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from softreg.lab.steps import read_cells
from softreg.messages import catalogue
from softreg.optim.solver import TerminationReason
from softreg.optim.solvers.registry import SOLVERS
from softreg.page.assets import SHARED, page_messages
from softreg.recipe import Recipe

SOURCE = Path(__file__).parents[2] / "src/softreg"
DOMAINS = {path.stem for path in SOURCE.joinpath("messages").glob("*.toml")}
ELSEWHERE = {"click", "lesson", "page"}  # not used through `translate`: tested below, or beside what uses them
FILES = {"recipe.toml", "lesson.py", "train.bin"}  # file names that look like keys

UNITS = {solver.unit for solver in SOLVERS.values()}


@cache
def nodes() -> list[ast.AST]:
    paths = sorted(SOURCE.rglob("*.py"))
    return [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def stages() -> set[str]:
    """Those that the code reports: `report("solver")`, `track(items, "features", total)`."""
    calls = [node for node in nodes() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [call.args for call in calls if getattr(call.func, "id", "") in {"report", "track"}]
    return {
        argument.value
        for arguments in named
        for argument in arguments
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


BUILT = {  # keys that the code puts together: the names that may stand in the gap
    "data.{}": {"bundled", "fetched"},
    "data.column_{}": {"dataset", "state", "class", "train", "test", "classes", "size"},
    "evaluation.{}": {"accuracy", "nll", "ece", "images", "precision", "recall"},
    "evaluation.{}_value": {"accuracy", "nll", "ece"},
    "dataset.of_{}": {"train", "test"},
    "explain.{}": {"train", "test", "validation"},
    "figures.{}": {"for", "against"} | UNITS,
    "pictures.{}": {"unchanged", "unchanged_inverted", "lines_removed", "thickened", "thinned", "blank", "noise", "crowded"},
    "progress.{}": stages(),
    "recipe.{}": {field.name for field in fields(Recipe)},
    "solvers.{}": {reason.value for reason in TerminationReason},
    "train.{}": UNITS,
}
BUILT_BY_THE_PAGE = re.compile("status_.*|ending_.*|field_.*|nav_.*|u_.*_(title|text|lab_a|lab_b)")


@cache
def literal_keys() -> set[str]:
    """Strings of the form `domain.name`, and `catalogue("domain")["name"]`."""
    keys = set()
    for node in nodes():
        match node:
            case ast.Constant(value=str(text)):
                domain, dot, name = text.partition(".")
                if dot and domain in DOMAINS and name.isidentifier():
                    keys.add(text)
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="catalogue"), args=[ast.Constant(value=str(table))]),
                slice=ast.Constant(value=str(key)),
            ):
                keys.add(f"{table}.{key}")
    return keys - FILES - {pattern.replace("{}", "") for pattern in BUILT}  # an f-string's own pieces are constants, too


def patterns() -> set[str]:
    """F-strings of the form `domain.name`, with `{}` for what they fill in."""
    found = set()
    for node in nodes():
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            if text.partition(".")[0] in DOMAINS and re.fullmatch(r"[\w{}]+\.[\w{}]+", text):
                found.add(text)
    return found


def built_keys() -> set[str]:
    shared = {f"{domain}.{name}" for domain, names in SHARED.items() for name in names}  # with the page
    return {pattern.replace("{}", name) for pattern, names in BUILT.items() for name in names} | shared


def page_code() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in SOURCE.joinpath("page/static").iterdir())


def test_every_key_that_the_code_puts_together_is_documented_here() -> None:
    assert patterns() == set(BUILT)


@pytest.mark.parametrize("domain", sorted(DOMAINS - ELSEWHERE))
def test_every_message_is_used(domain: str) -> None:
    used = literal_keys() | built_keys()
    assert not [name for name in catalogue(domain) if f"{domain}.{name}" not in used and not name.startswith("code_")]


def test_every_key_that_is_used_has_a_message() -> None:
    keys = {f"{domain}.{name}" for domain in DOMAINS for name in catalogue(domain)}
    assert len(literal_keys()) > 200
    assert sorted((literal_keys() | built_keys()) - keys) == []


def test_the_lesson_has_a_text_for_every_cell() -> None:
    assert set(catalogue("lesson")) == set(read_cells())


def test_the_page_uses_every_text_and_no_other() -> None:
    code = page_code()
    asked = set(re.findall(r'data-i18n(?:-label)?="(\w+)"', code)) | set(re.findall(r'\btranslate\("(\w+)"', code))
    assert len(asked) > 60
    assert not asked - set(page_messages("en"))
    assert not [name for name in catalogue("page") if f'"{name}"' not in code and not BUILT_BY_THE_PAGE.fullmatch(name)]
