"""The form of the page: which fields it offers, and that a request can set no other and nothing too large."""

import json
from typing import Any

import pytest

import softreg
from softreg.errors import ServingError
from softreg.messages import use_language
from softreg.serving.training_form import FIELDS, LIMITS, NOT_ON_PAGE, describe_fields, recipe_of
from tests.helpers.live_server import Served


def test_what_the_page_may_set_is_described_with_the_recipe_s_own_bounds() -> None:
    described = {field["name"]: field for field in describe_fields()}
    assert set(described) == set(FIELDS)
    assert "dataset" not in described  # it may be a folder's path
    assert described["epochs"]["high"] == 200
    assert recipe_of({"epochs": 3}) == softreg.Recipe(epochs=3)


def test_a_recipe_of_all_the_defaults_is_the_default_recipe() -> None:
    described = describe_fields()
    assert recipe_of({field["name"]: field["default"] for field in described}) == softreg.Recipe()
    assert recipe_of({}) == softreg.Recipe()


@pytest.mark.parametrize("features", sorted(NOT_ON_PAGE))
def test_features_that_the_page_does_not_offer_are_refused(features: str) -> None:
    with pytest.raises(ServingError, match="pixels"):
        recipe_of({"features": features})


@pytest.mark.parametrize("field", describe_fields(), ids=lambda field: field["name"])
def test_what_the_form_offers_is_accepted_and_what_lies_beyond_is_not(field: dict[str, Any]) -> None:
    name = field["name"]
    for choice in field["choices"]:
        assert getattr(recipe_of({"l2": 1e-4, name: choice}), name) == choice
    if not field["choices"]:
        assert getattr(recipe_of({name: field["high"]}), name) == field["high"]
        with pytest.raises(ServingError) as refused:
            recipe_of({name: field["high"] + 1})
        assert refused.value.status == 400


def test_a_field_is_shown_for_the_solvers_that_read_it() -> None:
    solvers = {field["name"]: field["solvers"] for field in describe_fields()}
    assert solvers["epochs"] == ["sgd"]
    assert solvers["max_iterations"] == ["lbfgs", "newton"]
    assert solvers["l2"] == ["sgd", "lbfgs", "newton"]


def test_help_is_in_the_reader_s_language() -> None:
    english = {field["name"]: field["help"] for field in describe_fields()}
    use_language("ko")
    korean = {field["name"]: field["help"] for field in describe_fields()}
    assert all(english[name] != korean[name] for name in FIELDS)


@pytest.mark.parametrize("name", LIMITS)
def test_an_excess_is_refused_by_name(name: str) -> None:
    with pytest.raises(ServingError, match=rf"{name}.*{LIMITS[name]}|{LIMITS[name]}.*{name}"):
        recipe_of({name: LIMITS[name] + 1})


@pytest.mark.parametrize(
    "recipe", [{"dataset": "/etc"}, {"device": "cuda"}, {"validation": 1}, {"epochs": 10**6}, {"lr": "fast"}, {"nope": 1}, [], 3]
)
def test_a_training_takes_no_path_and_no_more_than_its_share(served: Served, recipe: object) -> None:
    status, answer = served.json("POST", "/training", json.dumps(recipe).encode(), Content_Type="application/json")
    assert status == 400
    assert "/etc" not in answer["error"]
