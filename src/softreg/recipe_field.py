"""The fields of a recipe: which values each accepts."""

import dataclasses
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from softreg.errors import RecipeError
from softreg.messages import Choices, translate
from softreg.messages.strangers import has_controls
from softreg.messages.suggestion import Suggestion


@dataclass(frozen=True)
class FieldSpec:
    """The values a field accepts: one of `choices`, or a number from `low` to `high` (`low` itself only if `closed`)."""

    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 1e9
    closed: bool = True
    word: str = ""  # accepted in place of a number or a choice
    meanings: Choices | None = None  # what each of the choices means, for the help
    rare: bool = False  # only written to TOML if it is not the default

    def allowed(self, kind: type) -> str:
        """The accepted values of a field of this `kind`, as a phrase for messages."""
        if self.choices:
            return translate("recipe.allowed_choices", choices=", ".join((*self.choices, self.word) if self.word else self.choices))
        if kind in {bool, str}:
            return translate("recipe.allowed_switch" if kind is bool else "recipe.allowed_text")
        key = "recipe.allowed_integer" if kind is int else "recipe.allowed_range" if self.closed else "recipe.allowed_above"
        low, high = (f"{int(limit):,}" if limit == int(limit) else f"{limit:g}" for limit in (self.low, self.high))
        numbers = translate(key, low=low, high=high)
        return translate("recipe.allowed_word", numbers=numbers, word=self.word) if self.word else numbers


def spec(default: Any, **limits: Any) -> Any:
    """A dataclass field with this default whose values are limited as `FieldSpec(**limits)` says."""
    return dataclasses.field(default=default, metadata={"spec": FieldSpec(**limits)})


def plain(value: Any, kind: type) -> Any:
    """The value as its field's type where it is one in all but name: 100.0 for an integer, a number of NumPy's, a `Path`."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            return float(value)
    return os.fspath(value) if kind is str and isinstance(value, os.PathLike) else value


def check(field: "dataclasses.Field[Any]", value: Any) -> None:
    """Raise a RecipeError if the value has the wrong type or is out of range."""
    limits: FieldSpec = field.metadata["spec"]
    assert field.default is not dataclasses.MISSING
    if limits.word and value == limits.word:
        return
    expected = type(field.default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = (
        number
        if expected is float
        else number and (isinstance(value, int) or value.is_integer())
        if expected is int
        else isinstance(value, expected)
    )
    if fits and limits.choices:
        fits = value in limits.choices
    elif fits and isinstance(value, str):
        fits = not has_controls(value)
    elif fits and number:
        fits = (limits.low < value or (limits.closed and value == limits.low)) and value <= limits.high
    if not fits:
        hint = Suggestion(str(value), limits.choices) if isinstance(value, str) else ""
        raise RecipeError("recipe.invalid", field=field.name, value=shortened(value), allowed=limits.allowed(expected), hint=hint)


def shortened(value: Any) -> str:
    """The value as text of bounded length."""
    try:
        return repr(value) if len(repr(value)) < 100 else f"{repr(value)[:100]}..."
    except ValueError:  # Python converts no integer of more than 4300 digits
        return f"{value:#x}"[:100] + "..."
