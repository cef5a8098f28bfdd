"""The page's JavaScript modules as one script, which opens from a disk, where modules cannot be loaded from files.

The modules are put one after the other, each after those that it imports, without their import and export words. That keeps
their meaning because they share one scope without clashing: no two of them may declare the same name at the top level.
"""

import re
from collections.abc import Mapping

IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./(?P<name>[\w.]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async |class|const|function|let))", re.MULTILINE)
DECLARATION = re.compile(r"^(?:async )?(?:class|const|function|let) (?P<names>\w+|\[[\w, ]+\]|\{[\w, ]+\})", re.MULTILINE)
COMMENT = re.compile(r"^[ ]*(?://.*\n|/\*\*(?:[^*]|\*(?!/))*\*/\n)", re.MULTILINE)  # on lines of its own


class BundleError(ValueError):
    """The modules cannot share one scope: a bug of the page."""


def bundle(modules: Mapping[str, str], entry: str) -> str:
    """One script of the module `entry` and all that it imports, directly or not; comments on lines of their own are left out.

    Raises
    ------
    BundleError
        If modules import each other in a circle, rename what they import, or declare the same name.
    """
    parts = {name: _without_imports(modules[name], name) for name in _in_order(modules, entry)}
    owners: dict[str, str] = {}
    for module, text in parts.items():
        for declaration in DECLARATION.finditer(text):
            for name in re.findall(r"\w+", declaration["names"]):
                if name in owners:
                    raise BundleError(f"{name}: declared in {owners[name]} and in {module}")
                owners[name] = module
    return "\n".join(COMMENT.sub("", text) for text in parts.values())


def _in_order(modules: Mapping[str, str], entry: str) -> list[str]:
    """The modules that `entry` needs, each after those it imports, `entry` last."""
    order: list[str] = []

    def visit(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise BundleError(f"modules import each other: {' -> '.join((*importers, name))}")
        if name not in order:
            for statement in IMPORT.finditer(modules[name]):
                visit(statement["name"], (*importers, name))
            order.append(name)

    visit(entry, ())
    return order


def _without_imports(text: str, name: str) -> str:
    text = EXPORT.sub("", IMPORT.sub("", text))
    odd = re.search(r"^(?:import|export)\b.*", text, re.MULTILINE)
    if odd:
        raise BundleError(f"{name}: cannot be bundled: {odd[0]}")
    return text
