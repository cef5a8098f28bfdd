"""The recipe: everything that decides a model.

A recipe is a frozen dataclass, a TOML file and a set of command-line flags, all with the same fields, limits and help
(`messages/recipe.toml`). The same recipe on the same machine gives the same weights, bit for bit.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import tomli_w

from softreg.data.registry import DATASETS
from softreg.errors import RecipeError
from softreg.features.choice import AUTO, EMBEDDINGS, PIXELS, choose_features
from softreg.features.registry import FEATURE_MAPS
from softreg.messages import Choices, translate
from softreg.messages.suggestion import Suggestion
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe_field import check, plain, shortened, spec

MAX_BYTES = 2**20  # of a recipe: the largest has a few hundred

PRESETS = ("tutorial", "optimum", "best", "record")
IN_MEMORY = "in-memory"  # the dataset of a run that was trained on data passed from Python
NONE, BALANCED = "none", "balanced"
DEVICES = (AUTO, "cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings that determine a model. The defaults are the preset `tutorial`, the recipe of the lab.

    `messages/recipe.toml` describes each field; `softreg train --help` shows it.

    Raises
    ------
    RecipeError
        If a value is invalid, set for a solver that does not use it, or of an unknown field; or if a TOML file cannot be read.
    """

    dataset: str = spec("mnist")
    size: str = spec("", rare=True)
    label: str = spec("", rare=True)
    skip_bad: bool = spec(False, rare=True)
    split: str = spec("", rare=True)
    group: str = spec("", rare=True)
    validation: int = spec(0, high=1e8)
    features: str = spec(
        PIXELS, choices=tuple(FEATURE_MAPS), word=AUTO, meanings=Choices({name: info.help for name, info in FEATURE_MAPS.items()})
    )
    solver: str = spec("sgd", choices=tuple(SOLVERS))
    epochs: int = spec(15, low=1, high=1e6)
    batch_size: int = spec(100, low=1, high=1e8)
    drop_last: bool = spec(True)
    lr: float = spec(0.1, high=1e6, closed=False)
    l2: float | str = spec(0.0, high=1e6, word=AUTO)
    class_weight: str = spec(NONE, choices=(NONE, BALANCED), rare=True)
    label_smoothing: float = spec(0.0, high=1.0, rare=True)
    tol: float = spec(1e-6, high=1.0, closed=False)
    max_iterations: int = spec(500, low=1, high=1e6)
    certify: bool = spec(False)
    copies: int = spec(0, high=100)
    calibration: int = spec(0, high=1e8)
    outliers: str = spec("", rare=True)
    seed: int = spec(777, high=2**63 - 1)
    device: str = spec("auto", choices=DEVICES)

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, plain(getattr(self, field.name), type(field.default)))
            check(field, getattr(self, field.name))
        for field in fields(self):
            if field.name not in self.fields_read_by(self.solver) and getattr(self, field.name) != field.default:
                raise RecipeError("recipe.not_read", field=field.name, solver=self.solver)
        if self.outliers and not self.calibration:
            raise RecipeError("recipe.outliers_not_read")
        if self.size:
            self.image_size  # noqa: B018 - raises if it cannot be read
        if not SOLVERS[self.solver].finds_optimum and self.l2 == AUTO:
            raise RecipeError("recipe.auto_needs_optimum")
        if SOLVERS[self.solver].finds_optimum and self.l2 == 0:
            raise RecipeError("recipe.needs_l2", solver=self.solver)

    @property
    def dataset_exists(self) -> bool:
        """Whether `dataset` is a known name or a path that exists."""
        return self.dataset in DATASETS or _exists(self.dataset)

    def check_dataset(self) -> Self:
        """This recipe, if its dataset is a known name or a path that exists: a run may be read where its data is not."""
        if not self.dataset_exists:
            hint = Suggestion(self.dataset, DATASETS)
            raise RecipeError("recipe.unknown_dataset", value=self.dataset, choices=", ".join(DATASETS), hint=hint)
        return self

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) that `size` asks for: "32" or "32x24"; None if it is empty."""
        sides = self.size.lower().split("x")
        if not self.size:
            return None
        if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 8 <= int(side[:6]) <= 1024 for side in sides):
            allowed = translate("recipe.allowed_size")
            raise RecipeError("recipe.invalid", field="size", value=shortened(self.size), allowed=allowed, hint="")
        return int(sides[0]), int(sides[-1])

    @property
    def takes_the_last(self) -> bool:
        """Whether training images are held out, for validation, l2 or calibration: always the last ones."""
        return bool(self.validation or self.calibration or self.l2 == AUTO)

    def for_images(self, n_images: int, image_shape: tuple[int, ...]) -> Self:
        """This recipe for so many training images of shape (H, W) or (H, W, 3), or embeddings (D,): a feature map for `auto`.

        Pixels are what a recipe has that says nothing: of embeddings, which have none, they mean `embeddings`.
        """
        undecided = self.features == AUTO or (self.features == PIXELS and len(image_shape) == 1)
        return self.replace({"features": choose_features(n_images, image_shape).features}) if undecided else self

    def as_decided(self, before: Self) -> Self:
        """This recipe with the feature map of the training `before`, if that was chosen there in place of this one's."""
        undecided = self.features == AUTO or (self.features == PIXELS and before.features == EMBEDDINGS)
        return self.replace({"features": before.features}) if undecided else self

    @classmethod
    def merged(cls, preset: str, config: str | os.PathLike[str] | None, overrides: Mapping[str, Any]) -> Self:
        """The preset, overridden by a TOML file if there is one, then by `overrides` (strings are parsed to the field's type).

        Values that only the preset sets are dropped if the chosen solver does not use them.
        """
        given = _toml(_text(config), str(config)) if config else {}
        given |= {name: _parse(name, text) for name, text in overrides.items()}
        base = asdict(cls.preset(preset))
        solver = given.get("solver", base["solver"])
        if isinstance(solver, str) and solver in SOLVERS:
            base = {name: value for name, value in base.items() if name in cls.fields_read_by(solver)}
        return cls.from_mapping(base | given, where=str(config or "recipe")).check_dataset()

    def replace(self, overrides: Mapping[str, Any]) -> Self:
        """The same recipe with `overrides`; strings are parsed to the field's type."""
        return dataclasses.replace(self, **{name: _parse(name, text) for name, text in overrides.items()})

    @classmethod
    def preset(cls, name: str) -> Self:
        """The recipe that softreg ships as `name`: one of `PRESETS`."""
        if name not in PRESETS:
            raise RecipeError("recipe.unknown_preset", name=name, choices=", ".join(PRESETS), hint=Suggestion(name, PRESETS))
        return cls.from_toml(files("softreg").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8"), where=name)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The recipe in a TOML file."""
        return cls.from_toml(_text(path), where=str(path))

    @classmethod
    def from_toml(cls, text: str, *, where: str = "TOML") -> Self:
        """The recipe in the TOML `text`; `where` names it in errors."""
        return cls.from_mapping(_toml(text, where), where=where)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "recipe") -> Self:
        """The recipe with these fields, the others at their defaults; an unknown field is an error, never ignored."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                hint = Suggestion(str(name), known)
                raise RecipeError("recipe.unknown_field", field=name, path=where, choices=", ".join(known), hint=hint)
        return cls(**values)

    def to_toml(self) -> str:
        """This recipe as TOML, with the fields its solver uses. `Recipe.from_toml` is the inverse."""
        read = self.fields_read_by(self.solver)
        return tomli_w.dumps({name: value for name, value in asdict(self).items() if name in read and not self._is_rare(name)})

    def _is_rare(self, name: str) -> bool:
        field = next(field for field in fields(self) if field.name == name)
        return bool(field.metadata["spec"].rare) and getattr(self, name) == field.default

    @classmethod
    def fields_read_by(cls, solver: str) -> set[str]:
        """The names of the fields a solver uses: all but the other solvers' parameters."""
        others = {parameter for info in SOLVERS.values() for parameter in info.parameters} - set(SOLVERS[solver].parameters)
        return {field.name for field in fields(cls)} - others


def _text(path: str | os.PathLike[str]) -> str:
    """The text of a file or a pipe, without the mark that some editors on Windows begin it with."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise RecipeError("recipe.too_large", path=path, most=MAX_BYTES)
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("recipe.unreadable", path=path, why=getattr(error, "strerror", None) or error) from error


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a plain ValueError
        raise RecipeError("recipe.not_toml", path=where, why=error) from error


def _parse(name: str, value: Any) -> Any:
    """The value of a flag as its field's type; what is no number is returned as it is, for `check` to reject."""
    default = next(field.default for field in fields(Recipe) if field.name == name)
    if isinstance(value, str) and isinstance(default, int | float):
        for read in (int, float):
            with suppress(ValueError):
                return read(value)
    return value


def _exists(name: str) -> bool:
    with suppress(OSError, ValueError, RuntimeError):  # a name too long, or with a zero in it; no home for ~
        return bool(name) and Path(name).expanduser().exists()
    return False
