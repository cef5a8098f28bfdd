"""The commands from Python: the same answers as on the command line, whatever names the model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import softreg
from softreg.api import AnyModel, AnyPicture
from softreg.data.dataset import Splits
from softreg.errors import PictureError, RunError, WriteError
from softreg.messages import use_language
from softreg.runs.pretrained import PRETRAINED, pretrained_path
from softreg.runs.run import Run, open_run
from tests.helpers.command_line import call_softreg, run_softreg

PHOTO = Path(__file__).parents[1] / "docs/images/photo.jpg"  # a seven


def test_a_picture_is_read_as_by_the_command() -> None:
    prediction = softreg.predict(PHOTO)
    (told,) = json.loads(run_softreg("predict", PHOTO, "--json").stdout)["predictions"]
    assert prediction.label == told["label"] == "7"
    assert prediction.to_json() == told


def test_several_pictures_give_a_list(mnist: Splits) -> None:
    zero = mnist.test.images[3]
    pictures: list[AnyPicture] = [PHOTO.read_bytes(), zero, zero.numpy()]
    assert [prediction.label for prediction in softreg.predict(pictures)] == ["7", "0", "0"]
    assert softreg.predict([]) == []


def test_any_way_to_name_a_model_gives_that_model(tutorial_run: Run) -> None:
    models: list[AnyModel] = [tutorial_run, tutorial_run.path, str(tutorial_run.path), tutorial_run.model()]
    probabilities = [softreg.predict(PHOTO, model).probabilities for model in models]
    assert all(torch.equal(probabilities[0], other) for other in probabilities)
    assert not torch.equal(probabilities[0], softreg.predict(PHOTO, "best").probabilities)


@pytest.mark.parametrize("name", PRETRAINED)
def test_pretrained_runs_are_found_by_name(name: str) -> None:
    assert open_run(name).path == pretrained_path(name)
    assert softreg.load(name).classes == tuple("0123456789")


def test_a_folder_comes_before_a_name(tmp_path: Path, tutorial_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").mkdir()
    with pytest.raises(RunError):
        softreg.load("best")
    (tmp_path / "tutorial").symlink_to(tutorial_run.path)
    assert open_run("tutorial").path == Path("tutorial")


def test_an_explanation_adds_up_prints_and_draws(tmp_path: Path) -> None:
    explanation = softreg.explain(PHOTO)
    ((prediction, first, second),) = explanation.digits
    assert (first.label, second.label) == (prediction.label, prediction.classes[int(prediction.logits.topk(2).indices[1])])
    for part in (first, second):
        assert part.positive + part.negative + part.bias == pytest.approx(part.logit, abs=1e-3)
    assert str(explanation).splitlines()[0].startswith("7 (>99.9%): logit ")
    assert explanation.save(tmp_path / "why.png").stat().st_size > 10_000
    use_language("ko")
    assert "로짓" in str(explanation)


def test_what_shows_no_digit_is_not_explained() -> None:
    with pytest.raises(PictureError, match="drawing"):
        softreg.explain(np.full((64, 64), 255, np.uint8))


def test_an_exported_model_gives_the_same_logits(tmp_path: Path, tutorial_run: Run, mnist: Splits) -> None:
    path = softreg.export(tutorial_run, tmp_path / "model.npz")
    images = mnist.test.images[:100]
    with np.load(path) as arrays:
        logits = images.flatten(1).numpy() / np.float32(255) @ arrays["weight"].T + arrays["bias"]
    np.testing.assert_allclose(logits, tutorial_run.model()(images).detach().numpy(), rtol=0, atol=1e-4)
    with pytest.raises(WriteError, match="--force"):
        softreg.export(tutorial_run, path)
    with pytest.raises(RunError, match="onnx, npz, json"):
        softreg.export("best", tmp_path / "model.pickle")


def test_commands_take_names_too(tmp_path: Path) -> None:
    done = call_softreg("export", "tutorial", "--format", "json", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["path"] == "tutorial.json"
    assert json.loads(call_softreg("predict", PHOTO, "--model", "tutorial", "--json").stdout)["model"] == "tutorial"
    assert json.loads(call_softreg("evaluate", "tutorial", "--json").stdout)["accuracy"] == 0.9226


def test_results_print_well(mnist: Splits) -> None:
    assert str(softreg.predict(PHOTO)) == f"{PHOTO}: 7 (>99.9%)"
    assert str(softreg.predict(np.full((64, 64), 255, np.uint8))).startswith("drawing: ")
    first, *rest = str(softreg.evaluate("tutorial")).splitlines()
    assert first == "accuracy: 0.9226  (95 % interval 0.9172 to 0.9277, 10,000 images)"
    assert [line.split(":")[0] for line in rest] == ["NLL", "ECE"]
