"""What a run says of itself, or why it is skipped; and over a socket that one odd run never stops the others."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch

import softreg
from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.messages import catalogue
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import PRETRAINED
from softreg.runs.run import METRICS, MODEL, RECIPE, Run
from softreg.serving import run_entry
from softreg.serving.models import Models
from softreg.serving.run_entry import RunEntry, UnusableRun
from softreg.storage.tensors import dumps, loads
from tests.helpers.live_server import SEVEN, png, serve


def edit_evaluation(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    """Change what the metrics say of the evaluation."""

    def edit(run: Path) -> None:
        *steps, last = (run / METRICS).read_text().splitlines()
        result = json.loads(last)
        change(result["evaluation"])
        (run / METRICS).write_text("\n".join([*steps, json.dumps(result)]) + "\n")

    return edit


def loop(name: str) -> Callable[[Path], object]:
    """Replace a file by a link to itself."""

    def make(run: Path) -> None:
        (run / name).unlink()
        (run / name).symlink_to(run / name)

    return make


def edit_result(run: Path, **values: float) -> None:
    *steps, last = (run / METRICS).read_text().splitlines()
    (run / METRICS).write_text("\n".join([*steps, json.dumps(json.loads(last) | values)]) + "\n")


def pipe(run: Path) -> None:
    (run / RECIPE).unlink()
    os.mkfifo(run / RECIPE)


def other_images(run: Path) -> None:
    model = SoftmaxRegression(make_feature_map("pixels", (8, 8, 3)), tuple("0123456789"))
    model.set_theta(torch.zeros(10, 193))
    save_model(model, run / MODEL)


def other_features(run: Path) -> None:
    """The metadata of a deep network in place of the model's."""
    tensors, metadata = loads((run / MODEL).read_bytes(), {"format", "classes", "features"})
    raw, _ = dumps(tensors, metadata | {"features": "resnet18"})
    (run / MODEL).write_bytes(raw)


def other_model(classes: tuple[str, ...] = tuple("0123456789"), weight: float = 0.0) -> Callable[[Path], object]:
    """Replace the model by one that `load_model` refuses."""

    def make(run: Path) -> None:
        model = SoftmaxRegression(make_feature_map("pixels"), classes)
        model.set_theta(torch.full((len(classes), 785), weight))
        save_model(model, run / MODEL)

    return make


def other_dataset(run: Path, literal: str) -> None:
    text = (run / RECIPE).read_text()
    assert 'dataset = "mnist"' in text
    (run / RECIPE).write_text(text.replace('dataset = "mnist"', f"dataset = {literal}"))


def data_has_gone(run: Path) -> None:
    text = (run / RECIPE).read_text().replace('dataset = "mnist"', 'dataset = "/home/secret/digits"')
    assert "secret" in text
    (run / RECIPE).write_text(text)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "data gone": (data_has_gone, "recipe"),
    "data in a network": (lambda run: other_dataset(run, "'//evil.example/share'"), "recipe"),
    "data in a network of Windows": (lambda run: other_dataset(run, "'\\\\evil.example\\share'"), "recipe"),
    "recipe of bytes": (lambda run: (run / RECIPE).write_bytes(b"\xff\x00" * 50), "unreadable"),
    "recipe no TOML": (lambda run: (run / RECIPE).write_text("dataset = ["), "recipe"),
    "recipe gone": (lambda run: (run / RECIPE).unlink(), "incomplete"),
    "recipe is a loop": (loop(RECIPE), "unreadable"),
    "recipe is a pipe": (pipe, "unreadable"),
    "model is a loop": (loop(MODEL), "unreadable"),
    "model of bytes": (lambda run: (run / MODEL).write_bytes(b"\xff" * 99), "unreadable"),
    "model without metadata": (lambda run: (run / MODEL).write_bytes(b"\2\0\0\0\0\0\0\0{}"), "unreadable"),
    "model of other images": (other_images, "images"),
    "model of features that the page has not": (other_features, "features"),
    "model cut short": (lambda run: os.truncate(run / MODEL, 20_000), "model"),
    "two classes alike": (other_model(classes=tuple("0123456777")), "model"),
    "a class that steers": (other_model(classes=("\x1b[2J", *"123456789")), "model"),
    "weights huge": (other_model(weight=3e38), "model"),
    "metrics gone": (lambda run: (run / METRICS).unlink(), "incomplete"),
    "metrics empty": (lambda run: (run / METRICS).write_text(""), "unreadable"),
    "metrics no JSON": (lambda run: (run / METRICS).write_text("{" * 100_000), "unreadable"),
    "objective no number": (lambda run: edit_result(run, objective=float("nan")), "unreadable"),
    "seconds without end": (lambda run: edit_result(run, train_seconds=float("inf")), "unreadable"),
    "metrics deep": (lambda run: (run / METRICS).write_text("[" * 100_000), "unreadable"),
    "accuracy missing": (edit_evaluation(lambda evaluation: evaluation.pop("accuracy")), "metrics"),
    "accuracy NaN": (edit_evaluation(lambda evaluation: evaluation.update(accuracy=float("nan"))), "metrics"),
    "accuracy infinite": (edit_evaluation(lambda evaluation: evaluation.update(accuracy=float("inf"))), "metrics"),
    "accuracy a word": (edit_evaluation(lambda evaluation: evaluation.update(accuracy="high")), "metrics"),
    "accuracy huge": (edit_evaluation(lambda evaluation: evaluation.update(accuracy=10**400)), "metrics"),
    "interval NaN": (edit_evaluation(lambda evaluation: evaluation.update(accuracy_interval=[0.1, float("nan")])), "metrics"),
    "interval missing": (edit_evaluation(lambda evaluation: evaluation.pop("accuracy_interval")), "metrics"),
}


@pytest.mark.parametrize(("spoil", "reason"), ODD.values(), ids=ODD)
def test_an_odd_run_says_why_it_is_skipped(spoil: Callable[[Path], object], reason: str, tutorial_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tutorial_run.path, tmp_path / "run")
    entry = RunEntry("run", Run(tmp_path / "run"))
    assert entry.facts()["accuracy"] == pytest.approx(0.9226, abs=1e-4)
    spoil(tmp_path / "run")
    with pytest.raises(UnusableRun) as skipped:
        entry.facts()
    assert skipped.value.key == f"serving.skipped_{reason}"


def test_a_run_that_may_not_be_read_is_skipped(tutorial_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_entry, "_stamp", refuse)
    with pytest.raises(UnusableRun) as skipped:
        RunEntry("run", tutorial_run).facts()
    assert skipped.value.key == "serving.skipped_unreadable"


def test_runs_are_read_once_and_again_only_when_they_change(
    tutorial_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        shutil.copytree(tutorial_run.path, tmp_path / f"run-{number}", copy_function=os.link)
    read: list[str] = []
    facts = run_entry._facts

    def counted(run: Run) -> dict[str, Any]:
        read.append(run.path.name)
        return facts(run)

    monkeypatch.setattr(run_entry, "_facts", counted)
    models = Models(tutorial_run.path, tmp_path)
    count = 31 + len(PRETRAINED)
    assert len(models.describe()["models"]) == count
    assert len(read) == count
    assert models.describe() == models.describe()
    assert len(read) == count
    text = (tmp_path / "run-7" / METRICS).read_text()
    (tmp_path / "run-7" / METRICS).unlink()
    (tmp_path / "run-7" / METRICS).write_text(text)
    shutil.rmtree(tmp_path / "run-8")
    assert len(models.describe()["models"]) == count - 1
    assert read[count:] == ["run-7"]


def test_odd_runs_are_listed_as_skipped_and_the_others_are_served(tutorial_run: Run, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(tutorial_run.path, runs / "good")
    for name, (spoil, _) in ODD.items():
        shutil.copytree(tutorial_run.path, runs / name)
        spoil(runs / name)
    for raw in (b"\xff\xfe", b"\x1b[31mred", b"two\nlines", b"\xe2\x80\xaeright to left"):
        shutil.copytree(tutorial_run.path, os.fsdecode(os.fsencode(runs) + b"/" + raw))
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "nowhere").symlink_to(runs / "gone")
    (runs / "alias").symlink_to(runs / "good")
    (runs / "notes").mkdir()
    (runs / "file").write_text("nothing")
    with serve(tmp_path) as served:
        for language in ("en", "ko"):
            status, _, body = served.ask("GET", "/models", Accept_Language=language)
            assert status == 200
            assert not any(secret in body for secret in (b"secret", bytes(runs), b"\\u001b", b"\x1b"))
            listing = json.loads(body)
            assert {model["model"] for model in listing["models"]} == {*PRETRAINED, "alias"}  # the first name of two
            skipped = {run["model"]: run["reason"] for run in listing["skipped"]}
            assert set(skipped) == {*ODD, "loop", "??", "?[31mred", "two?lines", "?right to left"}
            for name, (_, reason) in ODD.items():
                assert skipped[name] == catalogue("serving")[f"skipped_{reason}"][language]
        picture = png(np.array(SEVEN, np.uint8))
        for key in ("alias", "best"):
            assert served.predict(picture, f"?model={key}")[0] == 200
        status, answer = served.predict(picture, "?model=model%20of%20other%20images")
        assert (status, answer["error"]) == (400, catalogue("serving")["other_images"]["en"].format(name="model of other images"))
        for key in ("loop", "model is a loop", "two classes alike", "a class that steers", "weights huge"):
            status, answer = served.predict(picture, f"?model={quote(key)}")
            assert (status, answer["error"]) == (404, catalogue("serving")["unusable_model"]["en"].format(name=key))


def test_a_retrained_run_is_what_is_listed_and_what_answers(tutorial_run: Run, mnist: Splits, tmp_path: Path) -> None:
    mine, image = tmp_path / "runs" / "mine", mnist.test.images[0]
    body = json.dumps(image.tolist()).encode()
    shutil.copytree(tutorial_run.path, mine)
    other = softreg.train(softreg.Recipe(epochs=1, seed=9), tmp_path / "other")
    with serve(tmp_path, "--model", "runs/mine") as served:
        for number, run in enumerate((tutorial_run, other, tutorial_run)):
            mine.rename(tmp_path / f"before-{number}")
            shutil.copytree(run.path, mine)
            _, listing = served.json("GET", "/models")
            accuracies = {model["model"]: model["accuracy"] for model in listing["models"]}
            assert accuracies["mine"] == run.result["evaluation"]["accuracy"]
            _, answer = served.predict(body, "?model=mine", "application/json")
            logits = list(answer["predictions"][0]["logits"].values())
            assert logits == pytest.approx(run.model()(image[None])[0].tolist(), abs=1e-4)
