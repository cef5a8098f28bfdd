"""`softreg evaluate`."""

import json
from textwrap import indent
from typing import TYPE_CHECKING

import click

from softreg.cli.options import Name, common_options, complete
from softreg.cli.progress import show_progress
from softreg.cli.translated import Command, option
from softreg.data.registry import DATASETS
from softreg.messages import translate
from softreg.runs.pretrained import PRETRAINED

if TYPE_CHECKING:
    from rich.table import Table

    from softreg.inference.evaluation import Evaluation

MAX_COLUMNS = 200  # classes whose confusion a terminal may have room for
HEAD = 4  # letters of a class's name over its column of the confusion matrix; its row has them all


@click.command("evaluate", Command, help="evaluation.help", epilog="evaluation.examples")
@click.argument("run", metavar="RUN", shell_complete=complete(PRETRAINED))
@option("--data", type=Name(), metavar="NAME_OR_DIR", help="evaluation.data", shell_complete=complete(DATASETS))
@common_options
def command(run: str, data: str | None, as_json: bool) -> None:
    """Parse, evaluate, print."""
    from softreg.inference.evaluation import evaluate
    from softreg.inference.run_evaluation import evaluation_images
    from softreg.runs.run import open_run

    found = open_run(run)
    test = evaluation_images(found, data)
    with show_progress(lines=False):
        evaluation = evaluate(found.model(), test)
    if as_json:
        click.echo(
            json.dumps({"schema": 1, "run": str(found.path), "dataset": test.name, **evaluation.to_json()}, ensure_ascii=False)
        )
    else:
        _print(evaluation, translate("evaluation.title", run=found.path, data=test.name))


def _print(evaluation: "Evaluation", title: str) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)  # a path may have brackets in it
    console.print(f"{title}\n", style="bold", soft_wrap=True)
    console.print(indent(str(evaluation), "  "), soft_wrap=True)
    console.print()
    console.print(_by_class(evaluation))
    matrix = _matrix(evaluation) if len(evaluation.classes) <= MAX_COLUMNS else None
    if matrix is not None and console.measure(matrix, options=console.options.update(max_width=10_000)).maximum <= console.width:
        console.print(f"\n{translate('evaluation.confusion')}", soft_wrap=True)
        console.print(matrix)
    else:
        console.print(f"\n{translate('evaluation.confusion_too_wide')}", soft_wrap=True)


def _by_class(evaluation: "Evaluation") -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(translate("evaluation.class"))
    for name in ("images", "precision", "recall"):
        table.add_column(translate(f"evaluation.{name}"), justify="right")
    table.add_column(translate("evaluation.taken_for"))
    precision, recall = evaluation.precision, evaluation.recall
    for c, (name, support) in enumerate(zip(evaluation.classes, evaluation.support, strict=True)):
        shares = (f"{share:.1%}" if share is not None else "-" for share in (precision[c], recall[c]))
        taken = ", ".join(f"{evaluation.classes[other]} ({count})" for count, other in evaluation.mistakes.get(c, [])[:3])
        table.add_row(name, str(support), *shares, taken)
    return table


def _matrix(evaluation: "Evaluation") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in evaluation.classes:
        table.add_column(name[:HEAD].strip(), justify="right", no_wrap=True)
    for row, (name, counts) in enumerate(zip(evaluation.classes, evaluation.confusion.tolist(), strict=True)):
        cells = (Text(str(n) if n else "·", "bold" if column == row else "" if n else "dim") for column, n in enumerate(counts))
        table.add_row(name, *cells)
    return table
