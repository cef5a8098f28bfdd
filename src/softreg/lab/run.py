"""The lesson executed in a terminal."""

import linecache
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from textwrap import indent
from typing import Any

import torch
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.progress import Progress
from rich.syntax import Syntax
from torch.optim.optimizer import register_optimizer_step_post_hook

from softreg.lab.steps import Step, make_steps
from softreg.messages import language, translate

TRAINING = "training"  # the cell that takes long
FIGURES = "figures"


def run_lesson(
    out: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    after: Callable[[Step], None] = lambda step: None,
) -> dict[str, Any]:
    """Walk through the lesson in the language in use: show each step's words and code, run the code, save its figures.

    What the code prints goes to stdout, words and code as well; the training's progress to stderr, if that is a terminal.

    Parameters
    ----------
    out : folder that the lesson works in: `figures/` and `MNIST_data/` go there
    epochs : how many instead of the lab's 15
    after : called after each step

    Returns
    -------
    dict
        The names the lesson's code has defined: `costs`, `linear`, `fast`, ...

    The code seeds the global generators and works in the folder `out`, as the lab does; afterwards the caller's generators, current
    folder and matplotlib backend are what they were.
    """
    from softreg.lab.savefig_backend import capture_figures

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, Any] = {"__name__": "softreg lab"}

    def saved(path: Path) -> None:
        print_line(translate("lab.figure", path=folder / FIGURES / path.name))

    with _generators_kept(), capture_figures((folder / FIGURES).resolve(), saved), chdir(folder):
        for step in make_steps(language(), epochs):
            with _generators_kept():  # rich draws from them
                show(step)
            with _progress(names) if step.name == TRAINING else nullcontext():
                _run(step, names)
            after(step)
    return names


def show(step: Step) -> None:
    """The words and the code of a step: coloured in a terminal, elsewhere as plain text with the code indented."""
    if not sys.stdout.isatty():
        print_line(f"\n{step.words}")
        if step.code:
            print_line(f"\n{indent(step.code, '    ')}\n")
        return
    console = Console()
    console.print(Padding(Markdown(step.words), (1, 0)))
    if step.code:
        console.print(Padding(Syntax(step.code, "python", theme="ansi_dark", background_color="default"), (0, 0, 1, 4)))


def print_line(text: str) -> None:
    """`text` on stdout, as the lesson's code prints."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _run(step: Step, names: dict[str, Any]) -> None:
    """Execute a step's code among `names`; a traceback would show its lines."""
    file = f"<softreg lab: {step.name}>"
    linecache.cache[file] = (len(step.code), None, step.code.splitlines(keepends=True), file)
    exec(compile(step.code, file, "exec", dont_inherit=True), names)


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Whatever the block draws or seeds, the global generators go on afterwards as if it had not been."""
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(state)


@contextmanager
def _progress(names: Mapping[str, Any]) -> Iterator[None]:
    """A bar on stderr, if that is a terminal, moved by every step any optimizer takes: the lesson's code knows nothing of it."""
    console = Console(stderr=True)
    total = names["training_epochs"] * len(names["data_loader"])
    disable, redirect = not console.is_terminal, sys.stdout.isatty()
    with Progress(console=console, transient=True, disable=disable, redirect_stdout=redirect) as progress:
        bar = progress.add_task(translate("lab.training"), total=total)
        hook = register_optimizer_step_post_hook(lambda *_: progress.advance(bar))
        try:
            yield
        finally:
            hook.remove()
