"""Directives whose content is made from the code: commands, recipe fields, the HTTP API, the lesson, and what it covers.

Each writes Markdown, which MyST then reads like the page around it. Beside the pages, every build writes the demo.
"""

import base64
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import softreg
from softreg import cli
from softreg.exporting.html import to_bytes
from softreg.messages import Language, translate, use_language
from softreg.recipe import PRESETS, Recipe
from softreg.serving.openapi import document

ROOT = Path(__file__).parents[2]
FIGURES = Path("_static", "lesson")  # what the lesson draws; made by each build
DEMO_IMAGES = 2000  # of MNIST, to learn from: half a megabyte


class MarkdownDirective(SphinxDirective):
    """A directive that is replaced by the Markdown that `markdown` yields. Its argument is the language."""

    optional_arguments = 1

    def markdown(self) -> Iterator[str]:
        """Blocks of Markdown."""
        raise NotImplementedError

    @property
    def language(self) -> Language:
        """English unless the page says otherwise."""
        return "ko" if self.arguments == ["ko"] else "en"

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown, headings included."""
        use_language(self.language)
        try:
            return self.parse_text_to_nodes("\n\n".join(self.markdown()), allow_section_headings=True)
        finally:
            use_language("en")


class Commands(MarkdownDirective):
    """The command line: every command with its arguments and options."""

    def markdown(self) -> Iterator[str]:
        """A section a command."""
        head = ("option", "meaning") if self.language == "en" else ("옵션", "뜻")
        for name in cli.COMMANDS:
            command: click.Command = import_module(f"softreg.cli.{name}").command
            context = click.Context(command, info_name=f"softreg {name}")
            yield f"## softreg {name}"
            yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"
            yield command.help or ""
            examples = (command.epilog or "").replace("\b", "").strip()  # click's mark for lines that are kept
            yield f"```text\n{examples}\n```"
            records = (option.get_help_record(context) for option in command.params)
            yield _table(head, ((f"`{flags}`".replace("|", r"\|"), _escape(text)) for flags, text in filter(None, records)))


class RecipeFields(MarkdownDirective):
    """The fields of a recipe: default, what is allowed, meaning; and the presets."""

    def markdown(self) -> Iterator[str]:
        """One table of fields; a TOML text a preset."""
        english = self.language == "en"
        yield "## Fields" if english else "## 항목"  # what stands before the first heading would be lost
        head = ("field", "default", "allowed", "meaning") if english else ("항목", "기본값", "가능한 값", "뜻")
        yield _table(head, (self._row(field) for field in fields(Recipe)))
        yield "## Presets" if english else "## 프리셋"
        for preset in PRESETS:
            yield f"`{preset}`:\n\n```toml\n{Recipe.preset(preset).to_toml()}```"

    def _row(self, field: "Field[Any]") -> tuple[str, ...]:
        spec = field.metadata["spec"]
        meaning = translate(f"recipe.{field.name}", choices=spec.meanings or ", ".join(spec.choices))
        return f"`{field.name}`", f"`{field.default}`", spec.allowed(type(field.default)), _escape(meaning)


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

    def markdown(self) -> Iterator[str]:
        """Cell by cell."""
        path = ROOT / "notebooks" / f"softreg-lab.{self.language}.ipynb"
        self.env.note_dependency(str(path))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                yield f"({_anchor(self.language, cell['id'].removesuffix('-words'))})="
                yield re.sub("^# ", "## ", source)  # the page has its own title
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


class LabCoverage(MarkdownDirective):
    """What the original lab teaches, and the step of the lesson where each of it stands: `lab/coverage.toml`."""

    def markdown(self) -> Iterator[str]:
        """A table a part of the original."""
        path = Path(self.env.srcdir, "lab", "coverage.toml")
        self.env.note_dependency(str(path))
        head = (
            ("the original lab", "step of the lesson", "how")
            if self.language == "en"
            else ("원래 실습", "이 실습의 단계", "담긴 모습")
        )
        for part in tomllib.loads(path.read_text(encoding="utf-8"))["part"]:
            yield f"## {part[self.language]}"
            yield _table(head, (self._row(row) for row in part["rows"]))

    def _row(self, row: dict[str, Any]) -> tuple[str, ...]:
        step = row["step"]
        what = row[self.language].replace("|", r"\|")
        return what, f"[{step}](#{_anchor(self.language, step)})", "; ".join(self._evidence(row))

    def _evidence(self, row: dict[str, Any]) -> Iterator[str]:
        english = self.language == "en"
        for kind, name in (("says", "text"), ("code", "code"), ("prints", "output")):
            if kind in row:
                quoted = row[kind] if isinstance(row[kind], str) else row[kind][self.language]
                label = name if english else {"text": "설명", "code": "코드", "output": "출력"}[name]
                yield f"{label}: `` {' '.join(quoted.split())} ``"


def _anchor(language: Language, step: str) -> str:
    return f"lesson-{language}-{step}"


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
    text = re.sub(r"(?<=[ (])\*(?=\w+\))", r"\\*", text)  # (N, *image_shape) is no emphasis
    lines[:] = text.split("\n")


def _link_to_the_source(app: Sphinx, page: str, text: list[str]) -> None:
    """Files of the repository outside docs/ (`../CONTRIBUTING.md`) are no pages: link to where they can be read."""
    if "/" not in page:
        text[0] = re.sub(r"\]\(\.\./([^)]+)\)", rf"]({app.config.html_theme_options['source_repository']}/blob/main/\1)", text[0])


def _write_demo(app: Sphinx, exception: Exception | None) -> None:
    """Write playground.html, one file with the model inside, beside the pages that show it."""
    if exception is None and app.builder.format == "html":
        Path(app.outdir, "playground.html").write_bytes(to_bytes(softreg.load("tutorial"), images=DEMO_IMAGES))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("softreg-commands", Commands)
    app.add_directive("softreg-recipe", RecipeFields)
    app.add_directive("softreg-http-api", HttpApi)
    app.add_directive("softreg-lesson", Lesson)
    app.add_directive("softreg-lab-coverage", LabCoverage)
    app.connect("source-read", _link_to_the_source)
    app.connect("build-finished", _write_demo)
    app.connect("autodoc-process-docstring", _describe_unnamed_types, priority=400)
    return {"parallel_read_safe": True}
