"""`softreg data`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from softreg.cli.options import Name, common_options, complete, flags_in_errors, force_option
from softreg.cli.translated import Command, option
from softreg.data.registry import DATASETS
from softreg.messages import translate
from softreg.recipe import Recipe
from softreg.storage.destination import check_destination

if TYPE_CHECKING:
    from rich.table import Table

    from softreg.data.catalogue import DatasetInfo
    from softreg.data.dataset import Dataset, Splits


@click.command("data", Command, help="data.help", epilog="data.examples")
@click.argument("words", metavar="[NAME | convert FROM TO]", nargs=-1, shell_complete=complete(DATASETS))
@option("--fetch", is_flag=True, help="data.fetch_option")
@option("--out", type=Name(), metavar="FILE", help="data.out")
@force_option
@option("--form", type=click.Choice(["idx", "npz", "folders"]), help="data.form")
@option("--size", help="recipe.size")
@option("--label", help="recipe.label")
@option("--split", help="recipe.split")
@option("--skip-bad", is_flag=True, help="recipe.skip_bad")
@common_options
def command(
    words: tuple[str, ...], fetch: bool, out: str | None, force: bool, form: str | None, as_json: bool, **reading: Any
) -> None:
    """Parse, fetch, verify, print."""
    reading = {name: value for name, value in reading.items() if value}
    with flags_in_errors(reading):
        recipe = Recipe().replace(reading)
    if words[:1] == ("convert",) and len(words) == 3:
        form = form or ("npz" if words[2].lower().endswith(".npz") else "idx")
        _convert(words[1], words[2], form, recipe, force=force, as_json=as_json)
        return
    if len(words) > 1 or form:
        raise click.UsageError(translate("data.convert_usage", words=" ".join(words)))
    name = words[0] if words else None
    if name is None:
        for option, given in (("--fetch", fetch), ("--out", out)):
            if given:
                raise click.UsageError(translate("data.needs_name", option=option))
        _list(as_json)
    else:
        path = Path(out or f"{Path(name).resolve().name}-grid.png")
        if path.suffix.lower() != ".png":
            raise click.UsageError(translate("data.needs_png", path=path))
        check_destination(path, force=force, inputs=[name])
        _show(name, path, recipe, fetch=fetch, force=force, as_json=as_json)


def _list(as_json: bool) -> None:
    from softreg.data.catalogue import catalogue
    from softreg.storage.cache import cache_folder

    entries = catalogue()
    if as_json:
        datasets = [vars(entry) for entry in entries]
        click.echo(json.dumps({"schema": 1, "cache": str(cache_folder()), "datasets": datasets}, ensure_ascii=False))
        return
    _print(_catalogue_table(entries))
    click.echo(translate("data.listed", path=cache_folder()))


def _convert(source: str, target: str, form: str, recipe: Recipe, *, force: bool, as_json: bool) -> None:
    from softreg.data.convert import convert
    from softreg.runs.data import read_options

    counts = {part: len(data) for part, data in convert(source, target, form, options=read_options(recipe), force=force).items()}
    if as_json:
        click.echo(json.dumps({"schema": 1, "dataset": source, "path": target, "form": form, **counts}, ensure_ascii=False))
    else:
        summary = ", ".join(f"{translate(f'data.column_{part}')} {n:,}" for part, n in counts.items())
        click.echo(translate("data.converted", path=target, counts=summary))


def _show(name: str, path: Path, recipe: Recipe, *, fetch: bool, force: bool, as_json: bool) -> None:
    """Verify one dataset, draw its images and print its counts."""
    from softreg.data.fetching import fetch as fetch_dataset
    from softreg.data.fetching import fetched_folder
    from softreg.data.load import load_dataset
    from softreg.data.registry import PUBLISHED
    from softreg.errors import DataError
    from softreg.figures.examples import class_grid
    from softreg.figures.house_style import save
    from softreg.runs.data import read_options

    if name in PUBLISHED and fetch:
        fetch_dataset(name)
    elif name in PUBLISHED and not fetched_folder(name):
        raise DataError("data.fetch_first", name=name, megabytes=PUBLISHED[name].megabytes)
    splits = load_dataset(name, options=read_options(recipe))
    published = name == "mnist" or name in PUBLISHED
    drawn = len(splits.train.image_shape) > 1  # embeddings cannot be
    if drawn:
        save(class_grid(splits.train), path, replace=force)
    if as_json:
        click.echo(json.dumps(_as_json(name, published, splits, path if drawn else None), ensure_ascii=False))
        return
    _print(_class_table(splits))
    click.echo(translate("data.verified" if published else "data.sound"))
    click.echo(translate("data.grid_saved", path=path) if drawn else translate("data.embeddings", dim=splits.train.image_shape[0]))


def _as_json(name: str, published: bool, splits: "Splits", path: Path | None) -> dict[str, Any]:
    parts = {
        part: {"n": len(data), "sha256": data.sha256(), "counts": _counts(data)}
        for part, data in (("train", splits.train), ("test", splits.test))
    }
    return {
        "schema": 1,
        "dataset": name,
        "as_published": published,
        "classes": list(splits.train.classes),
        **parts,
        "grid": None if path is None else str(path),
    }


def _counts(dataset: "Dataset") -> list[int]:
    """How many images each class has."""
    counts: list[int] = dataset.labels.bincount(minlength=len(dataset.classes)).tolist()
    return counts


def _catalogue_table(entries: "tuple[DatasetInfo, ...]") -> "Table":
    table = _table("dataset", "state", numbers=("train", "test", "classes", "size"))
    for entry in entries:
        state = translate("data.not_fetched_yet" if entry.state == "not_fetched" else f"data.{entry.state}")
        size = f"{'~' if entry.state == 'not_fetched' else ''}{entry.bytes / 10**6:.0f} MB"
        table.add_row(entry.name, state, f"{entry.train:,}", f"{entry.test:,}", str(entry.classes), size)
    return table


def _class_table(splits: "Splits") -> "Table":
    table = _table("class", numbers=("train", "test"))
    rows = zip(splits.train.classes, _counts(splits.train), _counts(splits.test), strict=True)
    for name, train, test in rows:
        table.add_row(name, f"{train:,}", f"{test:,}")
    table.add_section()
    table.add_row(translate("data.all"), f"{len(splits.train):,}", f"{len(splits.test):,}")
    return table


def _table(*texts: str, numbers: tuple[str, ...]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in (*texts, *numbers):
        table.add_column(translate(f"data.column_{name}"), justify="right" if name in numbers else "left", no_wrap=True)
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe has no right edge
    console.print(table)
