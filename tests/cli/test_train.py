"""`softreg train`: the lab's table, whose settings win, and what it prints when it has not converged."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from softreg.cli.train import command
from softreg.optim.solver import TerminationReason
from softreg.runs.run import Run
from softreg.training.checkpoints import unfinished_recipe
from tests.helpers.command_line import call_softreg, run_softreg
from tests.helpers.lab_table import LAB_COSTS


def test_train_json_is_the_labs_table(tmp_path: Path) -> None:
    done = run_softreg("train", "--json", "--out", tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "")
    payload = json.loads(done.stdout)
    assert {"schema", "run", "preset", "cost", "objective", "accuracy", "train_seconds", "peak_rss_mib"} <= payload.keys()
    assert (payload["schema"], payload["preset"], payload["run"]) == (1, "tutorial", str(tmp_path / "run"))
    np.testing.assert_allclose(payload["cost"], LAB_COSTS, rtol=0, atol=2e-6)
    assert payload["accuracy"] == 0.9226
    assert payload["peak_rss_mib"] < 900
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "environment.json",
        "figures",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]  # nothing beside it


def test_train_prints_as_the_lab_in_korean(tmp_path: Path) -> None:
    done = call_softreg("train", "--lang", "ko", "--epochs", 2, "--device", "cpu", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "다음 기기로 학습합니다: cpu"
    assert [line[:18] for line in lines[1:3]] == ["Epoch: 0001 cost =", "Epoch: 0002 cost ="]
    assert lines[3] == "Learning finished"
    assert lines[4].startswith("Accuracy: 0.9")
    assert lines[5] == "Label:  8"
    assert lines[6].startswith("Prediction:  ")
    assert (tmp_path / "runs" / "tutorial" / "model.safetensors").is_file()


def test_flags_beat_the_environment_and_that_the_file_and_that_the_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("epochs = 3\nbatch_size = 500\nlr = 0.3\n")
    done = call_softreg(
        "train", "--config", "mine.toml", "--epochs", 1, "--out", "run", cwd=tmp_path, SOFTREG_EPOCHS="2", SOFTREG_LR="0.2"
    )
    assert done.returncode == 0, done.stderr
    recipe = Run(tmp_path / "run").recipe
    assert (recipe.epochs, recipe.lr, recipe.batch_size, recipe.seed) == (1, 0.2, 500, 777)


def train(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    return int(result.return_value or 0), result.stdout, result.stderr


def test_stages_that_take_long_are_named_on_stderr(small_idx: Path, tmp_path: Path) -> None:
    flags = ("--dataset", str(small_idx), "--epochs", "1", "--batch-size", "10")
    assert train(*flags, "--out", str(tmp_path / "pixels"))[2] == ""
    code, out, err = train(*flags, "--features", "deskew", "--out", str(tmp_path / "deskew"))
    assert code == 0
    assert "softreg: computing features ...\nsoftreg: training ...\n" in err
    assert "computing" not in out


def test_certify_goes_on_until_it_is_proven(small_idx: Path, tmp_path: Path) -> None:
    flags = ("--preset", "optimum", "--dataset", str(small_idx), "--l2", "0.001", "--tol", "1e-6", "--out", str(tmp_path / "run"))
    code, out, _ = train(*flags, "--certify")
    assert code == 0
    assert "proven below" in out
    params: dict[str, Any] = Run(tmp_path / "run").termination.params
    assert params["proven"] <= 1e-6
    assert Run(tmp_path / "run").recipe.certify


def test_not_converged_says_how_far_and_what_to_do(small_idx: Path, tmp_path: Path) -> None:
    flags = ("--preset", "optimum", "--dataset", str(small_idx), "--max-iterations", "2", "--out", str(tmp_path / "run"), "--json")
    code, out, err = train(*flags)
    assert code == 1
    assert json.loads(out)["ending"]["converged"] is False
    assert re.search(
        r"not converged: about \de-0\d from the minimum, proven below .* after 2 iterations.*--max-iterations or --tol", err
    )


def train_command(*arguments: str) -> list[str]:
    """For a process of its own, to be killed or interrupted."""
    return [sys.executable, "-m", "softreg", "train", *arguments]


def test_the_command_killed_and_resumed(small_idx: Path, tmp_path: Path) -> None:
    command = train_command("--dataset", str(small_idx), "--epochs", "500000", "--out", str(tmp_path / "run"))
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    next(line for line in killed.stdout if line.startswith("Epoch: 0020"))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    changed = call_softreg("train", "--resume", "--out", tmp_path / "run", "--epochs", 21)
    assert changed.returncode == 1
    assert "epochs 21, not 500000" in changed.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".run.unfinished"]


def test_the_command_interrupted(small_idx: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = train_command("--dataset", str(small_idx), "--epochs", "500000", "--out", str(run))
    interrupted = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert interrupted.stdout is not None
    next(line for line in interrupted.stdout if line.startswith("Epoch: 0020"))
    interrupted.send_signal(signal.SIGINT)
    _, errors = interrupted.communicate()
    assert interrupted.returncode == 130
    assert f"softreg train --resume --out {run}" in errors
    assert Run(run).termination.reason is TerminationReason.INTERRUPTED
    assert len(Run(run).costs) >= 20
    assert unfinished_recipe(run) == Run(run).recipe
