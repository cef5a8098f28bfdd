"""The lesson run in a terminal."""

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
from softreg.storage.atomic import reraise_as_write_error

TRAINING = "training"  # the cell that takes long
FIGURES = "figures"


def run_lesson(
    out: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    after_step: Callable[[Step], None] = lambda step: None,
) -> dict[str, Any]:
    """Run the lesson in the current language: show each step's text and code, run the code, save its figures.

    Text, code and what the code prints go to stdout; the progress of training goes to stderr, if that is a terminal.

    Parameters
    ----------
    out : the folder the lesson works in; it gets `figures/` and `MNIST_data/`
    epochs : number of epochs instead of the lab's 15
    after_step : called after each step

    Returns
    -------
    dict
        The variables of the lesson's code: `costs`, `linear`, `fast`, ...

    Notes
    -----
    The code seeds the global generators and works in the folder `out`, as the lab does; the caller's generators, working directory
    and matplotlib backend are restored afterwards.
    """
    from softreg.lab.savefig_backend import capture_figures

    folder = Path(out)
    with reraise_as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    variables: dict[str, Any] = {"__name__": "softreg lab"}

    def on_save(path: Path) -> None:
        print_line(translate("lab.figure", path=folder / FIGURES / path.name))

    with _preserve_rng(), capture_figures((folder / FIGURES).resolve(), on_save), chdir(folder):
        for step in make_steps(language(), epochs):
            with _preserve_rng():  # rich draws from the generators
                show(step)
            with _progress(variables) if step.name == TRAINING else nullcontext():
                _execute(step, variables)
            after_step(step)
    return variables


def show(step: Step) -> None:
    """Print the text and the code of a step: coloured in a terminal, otherwise plain with the code indented."""
    if not sys.stdout.isatty():
        print_line(f"\n{step.text}")
        if step.code:
            print_line(f"\n{indent(step.code, '    ')}\n")
        return
    console = Console()
    console.print(Padding(Markdown(step.text), (1, 0)))
    if step.code:
        console.print(Padding(Syntax(step.code, "python", theme="ansi_dark", background_color="default"), (0, 0, 1, 4)))


def print_line(text: str) -> None:
    """Write a line to stdout at once, in order with what the lesson's code prints."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _execute(step: Step, variables: dict[str, Any]) -> None:
    """Execute the code of a step; linecache gets its source, so that a traceback shows the lines."""
    file = f"<softreg lab: {step.name}>"
    linecache.cache[file] = (len(step.code), None, step.code.splitlines(keepends=True), file)
    exec(compile(step.code, file, "exec", dont_inherit=True), variables)


@contextmanager
def _preserve_rng() -> Iterator[None]:
    """Restore the global generators after the block."""
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(state)


@contextmanager
def _progress(variables: Mapping[str, Any]) -> Iterator[None]:
    """Show a bar on stderr, if that is a terminal, advanced by a hook on every optimizer step: the lesson's code is not touched."""
    console = Console(stderr=True)
    total = variables["training_epochs"] * len(variables["data_loader"])
    disable, redirect = not console.is_terminal, sys.stdout.isatty()
    with Progress(console=console, transient=True, disable=disable, redirect_stdout=redirect) as progress:
        bar = progress.add_task(translate("lab.training"), total=total)
        hook = register_optimizer_step_post_hook(lambda *_: progress.advance(bar))
        try:
            yield
        finally:
            hook.remove()
