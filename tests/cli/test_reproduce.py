"""`softreg reproduce`: its exit code, its one line, its JSON."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from softreg.cli.reproduce import command
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.train import train
from tests.helpers.damage import flip_a_bit
from tests.helpers.small_mnist import small_mnist


@pytest.fixture
def run(tmp_path: Path) -> Run:
    data = small_mnist(tmp_path / "data", train=800, test=100)
    return train(Recipe(dataset=str(data), epochs=3), tmp_path / "run", figures=False)


def test_the_exit_code_says_whether_the_weights_are_the_same(run: Run) -> None:
    good = CliRunner().invoke(command, [str(run.path)], standalone_mode=False)
    assert (good.return_value, good.stdout.count("\n")) == (0, 1)
    assert "bit for bit" in good.stdout
    flip_a_bit(run)
    bad = CliRunner().invoke(command, [str(run.path), "--json"], standalone_mode=False)
    assert bad.return_value == 1
    found = json.loads(bad.stdout)
    assert found["schema"] == 1
    assert (found["same"], found["differing"]) == (False, 1)
    assert "1 of 7850" in CliRunner().invoke(command, [str(run.path)], standalone_mode=False).stdout
