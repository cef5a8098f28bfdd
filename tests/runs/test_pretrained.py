"""The runs that ship: whole, what their presets say, and able to read."""

from pathlib import Path

import pytest

import softreg
from benchmarks.pretrained import CONFIG
from softreg.data.load import load_dataset
from softreg.model.serialization import model_to_bytes
from softreg.recipe import Recipe
from softreg.runs.run import open_run

HOME = Path(softreg.__file__).parent / "pretrained"


@pytest.mark.parametrize(("name", "at_least"), [("best", 0.99), ("handwriting", 0.99), ("tutorial", 0.9)])
def test_a_shipped_run_reads_digits(name: str, at_least: float) -> None:
    run, digits = open_run(HOME / name), load_dataset("mnist").train[:300]
    assert run.recipe == (Recipe.read(CONFIG) if name == "handwriting" else Recipe.preset(name))
    assert not (run.path / "figures").exists()
    model = run.model()
    assert model_to_bytes(model)[1] == run.result["model_sha256"]
    assert (model.logits(digits.images).argmax(1) == digits.labels).float().mean() >= at_least


@pytest.mark.parametrize("name", ["best", "handwriting"])
def test_a_run_is_as_good_as_its_card_says(name: str) -> None:
    run = open_run(HOME / name)
    card = (run.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    evaluation = run.result["evaluation"]
    assert evaluation["accuracy"] >= 0.994
    for number in (evaluation["accuracy"], *evaluation["accuracy_interval"], evaluation["ece"]):
        assert f"{number:.4f}" in card
    assert run.result["model_sha256"] in card
    assert "Attribution-ShareAlike 3.0" in card
