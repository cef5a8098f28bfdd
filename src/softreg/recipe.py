"""The recipe: everything that decides a model.

A recipe is a frozen dataclass, a TOML file, and a row of command-line flags; all three have the same fields, with the same
bounds and the same words (`softreg.words`, room `recipe`). The same recipe on the same machine gives the same weights, bit for bit.
"""

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import tomli_w

from softreg.errors import RecipeError
from softreg.words import say

PRESETS = ("tutorial", "optimum", "best")
DATASETS = (
    "mnist",
    "fashion-mnist",
    "kmnist",
    "qmnist",
    *(f"emnist-{split}" for split in ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")),
    "usps",
)
FEATURES = ("pixels", "deskew", "patches", "scattering", "both")
SOLVERS = ("sgd", "lbfgs", "newton")
AUTO = "auto"
DEVICES = (AUTO, "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Bounds:
    """What a field may be: one of `choices`, or a number from `low` to `high` (`low` itself only if `closed`)."""

    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 1e9
    closed: bool = True
    solvers: tuple[str, ...] = SOLVERS  # the solvers that read this field
    word: str = ""  # what may stand in place of a number

    def sentence(self) -> str:
        """What is allowed, for people."""
        if self.choices:
            return say("recipe.allowed_choices", choices=", ".join(self.choices))
        numbers = say(
            "recipe.allowed_range" if self.closed else "recipe.allowed_above", low=f"{self.low:,g}", high=f"{self.high:,g}"
        )
        return say("recipe.allowed_word", numbers=numbers, word=self.word) if self.word else numbers


def _bounded(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata={"bounds": Bounds(**bounds)})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a model. The defaults are the preset `tutorial`: the lab's recipe.

    What each field means is told in `words/recipe.toml`, in English and Korean: the text of `softreg train --help`.

    Raises
    ------
    RecipeError
        If a value cannot be meant, or is set for a solver that never reads it.
    """

    dataset: str = _bounded("mnist")
    validation: int = _bounded(0, high=1e8)
    features: str = _bounded("pixels", choices=FEATURES)
    solver: str = _bounded("sgd", choices=SOLVERS)
    epochs: int = _bounded(15, low=1, high=1e6, solvers=("sgd",))
    batch_size: int = _bounded(100, low=1, high=1e8, solvers=("sgd",))
    drop_last: bool = _bounded(True, solvers=("sgd",))
    lr: float = _bounded(0.1, high=1e6, closed=False, solvers=("sgd",))
    l2: float | str = _bounded(0.0, high=1e6, word=AUTO)
    tol: float = _bounded(1e-6, high=1.0, closed=False, solvers=("lbfgs", "newton"))
    max_iterations: int = _bounded(500, low=1, high=1e6, solvers=("lbfgs", "newton"))
    certify: bool = _bounded(False, solvers=("lbfgs", "newton"))
    copies: int = _bounded(0, high=100)
    calibration: int = _bounded(0, high=1e8)
    seed: int = _bounded(777, high=2**63 - 1)
    device: str = _bounded("auto", choices=DEVICES)

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each, getattr(self, each.name))
            if self.solver not in each.metadata["bounds"].solvers and getattr(self, each.name) != each.default:
                raise RecipeError("recipe.not_read", field=each.name, solver=self.solver)
        if self.dataset not in DATASETS and not _is_folder(self.dataset):
            raise RecipeError("recipe.unknown_dataset", value=self.dataset, choices=", ".join(DATASETS))
        if self.solver == "sgd" and self.l2 == AUTO:
            raise RecipeError("recipe.auto_needs_optimum")
        if self.solver != "sgd" and self.l2 == 0:
            raise RecipeError("recipe.needs_l2", solver=self.solver)

    @classmethod
    def layered(cls, preset: str, config: str | os.PathLike[str] | None, overrides: Mapping[str, Any]) -> Self:
        """A preset, changed by a TOML file if there is one, changed by `overrides` (texts are read as the field's type).

        What only the preset says, and the solver finally chosen does not read, is let go: nobody asked for it.
        """
        given = _toml(_text(config), str(config)) if config else {}
        given |= {name: _parse(name, text) for name, text in overrides.items()}
        base = asdict(cls.preset(preset))
        solver = given.get("solver", base["solver"])
        read = {each.name for each in fields(cls) if solver in each.metadata["bounds"].solvers}
        base = {name: value for name, value in base.items() if name in read}
        return cls.from_mapping(base | given, where=str(config or "recipe"))

    def changed(self, overrides: Mapping[str, Any]) -> Self:
        """The same recipe with `overrides`, texts read as the field's type."""
        return replace(self, **{name: _parse(name, text) for name, text in overrides.items()})

    @classmethod
    def preset(cls, name: str) -> Self:
        """The recipe softreg ships under `name`: tutorial, optimum or best."""
        if name not in PRESETS:
            raise RecipeError("recipe.unknown_preset", name=name, choices=", ".join(PRESETS))
        return cls.from_toml(files("softreg").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8"), where=name)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The recipe in a TOML file."""
        return cls.from_toml(_text(path), where=str(path))

    @classmethod
    def from_toml(cls, text: str, *, where: str = "TOML") -> Self:
        """The recipe written in `text`; `where` names it in errors."""
        return cls.from_mapping(_toml(text, where), where=where)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "recipe") -> Self:
        """The recipe with these fields, the others at their defaults; an unknown field is an error, never ignored."""
        known = [each.name for each in fields(cls)]
        for name in values:
            if name not in known:
                raise RecipeError("recipe.unknown_field", field=name, path=where, choices=", ".join(known))
        return cls(**values)

    def to_toml(self) -> str:
        """This recipe as TOML: the fields its solver reads. `Recipe.from_toml` gives the same recipe back."""
        solvers = {each.name: each.metadata["bounds"].solvers for each in fields(self)}
        return tomli_w.dumps({name: value for name, value in asdict(self).items() if self.solver in solvers[name]})


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("recipe.unreadable", path=path, why=getattr(error, "strerror", None) or error) from error


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a plain ValueError
        raise RecipeError("recipe.not_toml", path=where, why=error) from error


def _parse(name: str, value: Any) -> Any:
    """A flag's text as its field's type; what cannot be read as a number is left for `_check` to refuse."""
    default = next(each.default for each in fields(Recipe) if each.name == name)
    if isinstance(value, str) and isinstance(default, int | float):
        for read in (int, float):
            with suppress(ValueError):
                return read(value)
    return value


def _is_folder(name: str) -> bool:
    with suppress(OSError, ValueError):  # a name too long, or with a zero in it
        return Path(name).is_dir()
    return False


def _shown(value: Any) -> str:
    """The value as text, however long it is."""
    try:
        return repr(value) if len(repr(value)) < 100 else f"{repr(value)[:100]}..."
    except ValueError:  # Python shows no integers of over 4300 digits
        return f"{value:#x}"[:100] + "..."


def _check(each: "Field[Any]", value: Any) -> None:
    """Refuse a value of the wrong type or out of bounds, saying what is allowed."""
    bounds: Bounds = each.metadata["bounds"]
    assert each.default is not MISSING
    if bounds.word and value == bounds.word:
        return
    wanted = type(each.default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = (
        number
        if wanted is float
        else number and (isinstance(value, int) or value.is_integer())
        if wanted is int
        else isinstance(value, wanted)
    )
    if fits and bounds.choices:
        fits = value in bounds.choices
    elif fits and number:
        fits = (bounds.low < value or (bounds.closed and value == bounds.low)) and value <= bounds.high
    if not fits:
        raise RecipeError("recipe.impossible", field=each.name, value=_shown(value), allowed=bounds.sentence())
