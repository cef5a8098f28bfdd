"""Directives whose content is made from the code: commands, recipe fields, the HTTP API, and the lesson.

Each writes Markdown, which MyST then reads like the page around it.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from softreg import cli
from softreg.messages import translate
from softreg.recipe import PRESETS, Recipe
from softreg.serving.openapi import document

ROOT = Path(__file__).parents[2]
FIGURES = Path("_static", "lesson")  # what the lesson draws; made by each build


class MarkdownDirective(SphinxDirective):
    """A directive that is replaced by the Markdown that `markdown` yields."""

    def markdown(self) -> Iterator[str]:
        """Blocks of Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown, headings included."""
        return self.parse_text_to_nodes("\n\n".join(self.markdown()), allow_section_headings=True)


class Commands(MarkdownDirective):
    """The command line: every command with its arguments and options."""

    def markdown(self) -> Iterator[str]:
        """A section a command."""
        for name in cli.COMMANDS:
            command: click.Command = import_module(f"softreg.cli.{name}").command
            context = click.Context(command, info_name=f"softreg {name}")
            yield f"## softreg {name}"
            yield f"```text\n{context.get_usage().removeprefix('Usage: ')}\n```"
            yield command.help or ""
            if command.epilog:
                yield _epilog(command.epilog)
            options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
            yield _table(("option", "meaning"), ((_flags(option), _escape(option.help or "")) for option in options))


class RecipeFields(MarkdownDirective):
    """The fields of a recipe: type, default, what is allowed, meaning."""

    def markdown(self) -> Iterator[str]:
        """One table."""
        rows = (
            (
                f"`{field.name}`",
                f"`{field.default}`",
                field.metadata["spec"].allowed(type(field.default)),
                _escape(translate(f"recipe.{field.name}")),
            )
            for field in fields(Recipe)
        )
        yield "## Fields"  # what stands before the first heading would be lost
        yield _table(("field", "default", "allowed", "meaning"), rows)
        yield "## Presets"
        for preset in PRESETS:
            yield f"`{preset}`:\n\n```toml\n{Recipe.preset(preset).to_toml()}```"


class HttpApi(MarkdownDirective):
    """The HTTP API, from its OpenAPI document."""

    def markdown(self) -> Iterator[str]:
        """A table of routes, then the shape of an answer."""
        described = document()
        rows = (
            (f"`{method.upper()} {path}`", _escape(operation["summary"]), _parameters(operation))
            for path, operations in described["paths"].items()
            for method, operation in operations.items()
        )
        yield "## Routes"
        yield _table(("request", "answer", "parameters"), rows)
        yield "## Shapes"
        for name, schema in described["components"]["schemas"].items():
            yield f"### {name}"
            yield f"```json\n{json.dumps(schema, indent=2)}\n```"


class Lesson(MarkdownDirective):
    """The lesson's notebook: words, code, and what the code printed and drew."""

    required_arguments = 1  # the language

    def markdown(self) -> Iterator[str]:
        """Cell by cell."""
        path = ROOT / "notebooks" / f"softreg-lab.{self.arguments[0]}.ipynb"
        self.env.note_dependency(str(path))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                yield source
                continue
            yield f"```python\n{source}\n```"
            for number, output in enumerate(cell["outputs"]):
                yield self._output(output, f"{cell['id']}-{number}.png")

    def _output(self, output: dict[str, Any], name: str) -> str:
        if "text" in output:
            return f"```text\n{''.join(output['text'])}\n```"
        figure = Path(self.env.srcdir, FIGURES, name)
        figure.parent.mkdir(parents=True, exist_ok=True)
        image = base64.b64decode(output["data"]["image/png"])
        if not figure.exists() or figure.read_bytes() != image:
            figure.write_bytes(image)
        return f"![](/{FIGURES.as_posix()}/{name})"


def _flags(option: click.Option) -> str:
    """As typed, e.g. `--epochs INT`."""
    flags = ", ".join((*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(click.Command('x')))}"
    return f"`{flags}{value}`".replace("|", r"\|")


def _epilog(text: str) -> str:
    """An epilog as a code block where it holds examples to type, else as it is."""
    return f"```text\n{text.strip()}\n```" if "\n" in text.strip() else text


def _parameters(operation: dict[str, Any]) -> str:
    return "; ".join(f"`{parameter['name']}`: {parameter.get('description', '')}" for parameter in operation.get("parameters", ()))


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """A help text as the cell of a table."""
    return re.sub(r"([|*_<>\\])", r"\\\1", " ".join(text.split()))


def _describe_unnamed_types(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Sections list `name : what it is`, with types in the signature; napoleon wants the description on the next line."""
    text = "\n".join(lines)
    section = r"(?ms)^(Parameters|Attributes)\n-+\n(.*?)(?=^\w+\n-+\n|\Z)"
    text = re.sub(
        section,
        lambda found: f"{found[1]}\n{'-' * len(found[1])}\n" + re.sub(r"(?m)^(\w[\w, ]*?) : (.*)$", r"\1\n    \2", found[2]),
        text,
    )
    lines[:] = text.split("\n")


def _link_to_the_source(app: Sphinx, page: str, text: list[str]) -> None:
    """Files of the repository outside docs/ (`../CONTRIBUTING.md`) are no pages: link to where they can be read."""
    if "/" not in page:
        text[0] = re.sub(r"\]\(\.\./([^)]+)\)", rf"]({app.config.html_theme_options['source_repository']}/blob/main/\1)", text[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("softreg-commands", Commands)
    app.add_directive("softreg-recipe", RecipeFields)
    app.add_directive("softreg-http-api", HttpApi)
    app.add_directive("softreg-lesson", Lesson)
    app.connect("source-read", _link_to_the_source)
    app.connect("autodoc-process-docstring", _describe_unnamed_types, priority=400)
    return {"parallel_read_safe": True}
