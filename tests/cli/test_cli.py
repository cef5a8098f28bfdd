"""The command line as a user types it: real processes where it matters, exit codes, one line for each fault."""

import json
import os
import re
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest

import softreg
from softreg.cli import main
from softreg.runs.run import Run
from tests.training.test_fit import LAB_COSTS


def run_softreg(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SOFTREG_", "LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "softreg", *map(str, arguments)],
        cwd=cwd,
        env=clean | {"LANG": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_train_json_is_the_labs_table(tmp_path: Path) -> None:
    done = run_softreg("train", "--json", "--out", tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert {"schema", "run", "preset", "cost", "objective", "accuracy", "train_seconds", "peak_rss_mib"} <= told.keys()
    assert (told["schema"], told["preset"], told["run"]) == (1, "tutorial", str(tmp_path / "run"))
    np.testing.assert_allclose(told["cost"], LAB_COSTS, rtol=0, atol=2e-6)
    assert told["accuracy"] == 0.9226
    assert told["peak_rss_mib"] < 900
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == [
        "environment.json",
        "figures",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["run"]  # nothing beside it


def test_train_prints_as_the_lab_in_korean(tmp_path: Path) -> None:
    done = run_softreg("train", "--lang", "ko", "--epochs", 2, "--device", "cpu", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "다음 기기로 학습합니다: cpu"
    assert [line[:18] for line in lines[1:3]] == ["Epoch: 0001 cost =", "Epoch: 0002 cost ="]
    assert lines[3] == "Learning finished"
    assert lines[4].startswith("Accuracy: 0.9")
    assert lines[5] == "Label:  8"
    assert lines[6].startswith("Prediction:  ")
    assert (tmp_path / "runs" / "tutorial" / "model.safetensors").is_file()


def test_evaluate_tells_what_training_saw(tutorial_run: Run) -> None:
    done = run_softreg("evaluate", tutorial_run.path, "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert {"schema", "run", "dataset", "n", "accuracy", "accuracy_interval", "nll", "ece", "confusion"} <= told.keys()
    assert (told["dataset"], told["n"], told["accuracy"]) == ("mnist", 10_000, 0.9226)
    assert told["nll"] == tutorial_run.result["evaluation"]["nll"]


def test_evaluate_is_a_table_for_people(tutorial_run: Run) -> None:
    done = run_softreg("evaluate", tutorial_run.path, "--lang", "ko")
    assert "정확도: 0.9226" in done.stdout
    assert "961" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["train", "--lr", "0"], 2, "--lr must be a number greater than 0 and at most 1,000,000, got 0"),
        (["train", "--lr", "fast"], 2, "1,000,000, got 'fast'"),
        (["train", "--epochs", "0"], 2, "--epochs must be an integer from 1 to 1,000,000, got 0"),
        (["train", "--batch-size", "60001"], 2, "60000, got 60001"),
        (["train", "--dataset", "imagenet"], 2, "'imagenet'"),
        (["train", "--features", "wavelets"], 2, "pixels"),
        (["train", "--validation", "60000"], 2, "validation must be less than"),
        (["train", "--preset", "fast"], 2, "tutorial"),
        (["train", "--config", "low.toml"], 2, "softreg: batch_size must be an integer from 1"),
        (["train", "--batch-size", "0"], 2, "softreg: --batch-size must be an integer from 1 to 100,000,000, got 0"),
        (["train", "--config", "none.toml"], 2, "none.toml"),
        (["train", "--config", "wrong.toml"], 2, "wrong.toml: unknown recipe field 'epoch'"),
        (["train", "--solver", "lbfgs"], 2, "needs l2 > 0"),
        (["train", "--out", "there"], 1, "there: already exists"),
        (["train", "--out", "there", "--force"], 1, "not a run"),
        (["train", "--epoch", "3"], 2, "--epochs"),
        (["train", "--lang", "fr"], 2, "fr"),
        (["evaluate", "none"], 1, "none: not a run"),
        (["evaluate"], 2, "RUN"),
        (["evalute"], 2, "evalute"),
    ],
)
def test_what_cannot_be_done_gets_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    from softreg.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text("epoch = 3\n")
    (tmp_path / "low.toml").write_text("batch_size = 0\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output = capsys.readouterr()
    assert ended.value.code == code
    assert told in output.err
    assert output.err.startswith("softreg: ")
    assert output.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_flags_beat_the_environment_and_that_the_file_and_that_the_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("epochs = 3\nbatch_size = 500\nlr = 0.3\n")
    done = run_softreg(
        "train", "--config", "mine.toml", "--epochs", 1, "--out", "run", cwd=tmp_path, SOFTREG_EPOCHS="2", SOFTREG_LR="0.2"
    )
    assert done.returncode == 0, done.stderr
    recipe = Run(tmp_path / "run").recipe
    assert (recipe.epochs, recipe.lr, recipe.batch_size, recipe.seed) == (1, 0.2, 500, 777)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["evaluate", "--help"]])
def test_help_and_version_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from softreg.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as ended: assert not ended.code\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'numpy', 'PIL'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert softreg.__version__ in done.stdout if "--version" in arguments else "Usage" in done.stdout


MISTYPED = [
    (["train", "--epoch", "3"], "No such option '--epoch'. Did you mean '--epochs'? (see `softreg train --help`)", "--epochs"),
    (["--nope"], "No such option '--nope'. (see `softreg --help`)", "--nope"),
    (["tain"], "No such command 'tain'. Did you mean", "'train'"),
    (["--debug"], "Missing command. (see `softreg --help`)", "softreg --help"),
    (["predict"], "give either pictures or --dataset (see `softreg predict --help`)", "--dataset"),
    (["reproduce"], "Missing argument 'RUN'. (see `softreg reproduce --help`)", "RUN"),
    (["export", "run"], "Missing option '--format'. Choose from: onnx, npz, json", "onnx, npz, json"),
    (["train", "--lr"], "Option '--lr' requires an argument.", "--lr"),
    (["train", "--json=3"], "Option '--json' does not take a value.", "--json"),
    (["reproduce", "a", "b", "c"], "Got unexpected extra arguments (b c)", "b c"),
    (["serve", "--port", "70000"], "Invalid value for '--port': 70000 is not in the range 0<=x<=65535.", "0<=x<=65535"),
    (["serve", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer", "--port"),
    (["export", "run", "--format", "zip"], "Invalid value for '--format': 'zip' is not one of 'onnx', 'npz', 'json'.", "'json'"),
    (["lab", "--notebook", "/"], "Invalid value for '--notebook': File '/' is a directory.", "--notebook"),
    (["train", "--resume"], "--resume needs --out RUN", "--out RUN"),
]


@pytest.mark.parametrize("speaks", ["en", "ko"])
@pytest.mark.parametrize(("arguments", "english", "always"), MISTYPED)
def test_what_cannot_be_understood_is_told_in_one_line_of_the_user_s_language(
    arguments: list[str],
    english: str,
    always: str,
    speaks: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOFTREG_LANG", speaks)
    with pytest.raises(SystemExit) as ended:
        copy_context().run(main, arguments)
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"softreg: {english}") if speaks == "en" else re.search("[가-힣]", said.err)
    assert always in said.err


def test_softreg_alone_shows_its_help() -> None:
    alone, asked = run_softreg(LANG="ko_KR.UTF-8"), run_softreg("--help", LANG="ko_KR.UTF-8")
    assert (alone.returncode, alone.stderr, alone.stdout) == (0, "", asked.stdout)
    assert alone.stdout.startswith("사용법: softreg")
    assert not re.search("Show|Options:|Commands:|Usage", alone.stdout)


def test_train_imports_no_torchvision() -> None:
    code = "import sys, softreg.training.train; assert not {'torchvision', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_every_flag_of_train_is_a_field_of_the_recipe_and_told() -> None:
    from dataclasses import fields

    from softreg.cli.train import command

    flags = {name for each in command.params for name in (each.name,) if name}
    assert {each.name for each in fields(softreg.Recipe)} <= flags
    assert all(getattr(each, "help", "") for each in command.params)
