"""The fields of a recipe that can be set from the page: what its form is made of, and what a request may hold."""

from dataclasses import fields
from typing import Any

from softreg.errors import RecipeError, ServingError
from softreg.features.registry import FEATURE_MAPS, IMAGE_MAPS
from softreg.messages import translate
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import Recipe

FIELDS = ("features", "solver", "epochs", "batch_size", "lr", "l2", "max_iterations", "seed")  # never `dataset`: it may be a path
LIMITS = {"epochs": 200, "max_iterations": 500}
NOT_ON_PAGE = FEATURE_MAPS.keys() - IMAGE_MAPS.keys()


def describe_fields() -> list[dict[str, Any]]:
    """The recipe's fields that the page's form offers, with bounds, defaults and help."""
    described = []
    for field in fields(Recipe):
        if field.name in FIELDS:
            bounds = field.metadata["spec"]
            described.append(
                {
                    "name": field.name,
                    "default": field.default,
                    "choices": [choice for choice in bounds.choices if choice not in NOT_ON_PAGE],
                    "low": bounds.low,
                    "high": min(bounds.high, LIMITS.get(field.name, bounds.high)),
                    "whole": isinstance(field.default, int),
                    "solvers": [name for name in SOLVERS if field.name in Recipe.fields_read_by(name)],
                    "help": translate(f"recipe.{field.name}", choices=", ".join(bounds.choices)),
                }
            )
    return described


def recipe_of(values: object) -> Recipe:
    """The recipe a request asks for; only `FIELDS` may be set."""
    if not isinstance(values, dict):
        raise ServingError("serving.not_a_recipe")
    for name, value in values.items():
        if name not in FIELDS:
            raise ServingError("serving.unknown_field", choices=", ".join(FIELDS))
        if name in LIMITS and isinstance(value, int | float) and value > LIMITS[name]:
            raise ServingError("serving.too_many", field=name, most=LIMITS[name])
    try:
        recipe = Recipe.from_mapping(values)
    except RecipeError as error:  # made of the request's own values; one made of a file would name it
        raise ServingError(error.key, 400, **error.params) from error
    if recipe.features in NOT_ON_PAGE:
        raise ServingError("serving.features_not_on_page", choices=", ".join(IMAGE_MAPS))
    return recipe
