"""Explanations: evidence adds up, typical and wrong are what they are by definition, figures say what they show."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from softreg.cli import main
from softreg.data.dataset import Dataset, Splits
from softreg.features.deskew import deskew
from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.figures.classes import suspicious_labels, typical_images
from softreg.figures.evidence import evidence_on_picture
from softreg.imaging.picture import picture_from_array
from softreg.inference.explanation import cross_val_log_proba, first_and_second, label_issues, prototypes, templates
from softreg.inference.prediction import predict
from softreg.messages import LANGUAGES, Language, translate, use_language
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from softreg.runs.run import load, pretrained_path
from softreg.training.fit import fit

TUTORIAL = pretrained_path("tutorial")


@pytest.fixture(scope="module", params=FEATURE_MAPS)
def model(request: pytest.FixtureRequest, mnist: Splits) -> SoftmaxRegression:
    """Some model on each features map, its logits as large as a trained one's."""
    features = make_feature_map(request.param).fit(mnist.train.images[:300], seed=0)
    made = SoftmaxRegression(features, mnist.train.classes).eval()
    generator = torch.Generator().manual_seed(1)
    theta = torch.randn(10, features.dim + 1, generator=generator)
    made.set_theta(theta * 20 / features(mnist.train.images[:300]).norm(dim=1).mean())
    return made


def test_evidence_and_bias_sum_to_the_logit(model: SoftmaxRegression, mnist: Splits) -> None:
    pictures = [picture_from_array(image.numpy()) for image in mnist.test.images[:6]]
    for prediction in predict(model, pictures):
        (reading,) = prediction.readings
        own = model(torch.from_numpy(reading.digit.image)[None])[0].detach()
        first, second = first_and_second(model, reading)
        assert [first.label, second.label] == [model.classes[c] for c in own.argsort(descending=True)[:2]]
        for each in (first, second):
            wanted = float(own[model.classes.index(each.label)])
            assert each.shares.double().sum() + each.bias == pytest.approx(wanted, abs=1e-4)
            assert each.speaking_for + each.speaking_against + each.bias == pytest.approx(wanted, abs=1e-4)
            assert each.logit == pytest.approx(wanted, abs=1e-4)
            assert each.speaking_for >= 0 >= each.speaking_against


def test_templates_of_pixels_are_weights_and_of_others_say_what_was_said(
    model: SoftmaxRegression, mnist: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softreg.inference.explanation.N_AVERAGED", 5)
    few = mnist.test[:200]
    found = templates(model, few)
    weight, bias = model.linear.weight.detach(), model.linear.bias.detach()
    if model.features.name in ("pixels", "deskew"):
        assert torch.equal(found, weight.view(10, 28, 28))
        return
    for c in (0, 7):
        upright = (255 * deskew(few.images[few.labels == c])).round().to(torch.uint8)[:5]
        assert float(found[c].sum()) == pytest.approx(float((model(upright).detach()[:, c] - bias[c]).mean()), abs=1e-3)


def test_typical_images_have_the_largest_log_odds() -> None:
    logits = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    p = torch.softmax(logits.double(), 1)
    odds = (p / (1 - p)).log()
    for c, numbers in enumerate(prototypes(logits, 5).tolist()):
        assert numbers == odds[:, c].argsort(descending=True)[:5].tolist()


def test_certain_images_are_told_apart_too() -> None:
    logits = torch.tensor([[900.0, 0, 0], [1000.0, 0, 0], [950.0, 0, 0]])
    assert prototypes(logits, 3)[0].tolist() == [1, 2, 0]


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_planted_wrong_labels_are_found(mnist: Splits, solver: str) -> None:
    labels = mnist.train.labels[:3000].clone()
    planted = torch.arange(7, 3000, 250)
    labels[planted] = (labels[planted] + 3) % 10
    data = Dataset(mnist.train.images[:3000], labels, mnist.train.classes, "planted")
    settings = {"l2": 1e-2, "solver": "lbfgs", "tol": 1e-5} if solver == "lbfgs" else {"epochs": 8}
    recipe = Recipe(features="deskew", **settings)
    folds: list[int] = []
    log_p = cross_val_log_proba(recipe, fit(recipe, data).model, data, folds.append)
    assert folds == [0, 1, 2, 3, 4]
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(3000, dtype=torch.float64))
    found = label_issues(log_p, labels, 40)
    assert len(set(planted.tolist()) & set(found.index.tolist())) >= 10
    assert (found.given.diff() >= 0).all()
    assert (found.probability >= found.given).all()
    assert torch.equal(found.instead, log_p.argmax(1)[found.index])


def test_out_of_fold_is_what_a_model_without_these_images_says(mnist: Splits) -> None:
    data, recipe = mnist.train[:500], Recipe(l2=3e-2, solver="lbfgs", tol=1e-6)
    log_p = cross_val_log_proba(recipe.replace({"tol": 1e-4}), fit(recipe, data).model, data)
    aside = torch.arange(500) % 5 == 2
    others = Dataset(data.images[~aside], data.labels[~aside], data.classes, data.name)
    wanted = fit(recipe, others).model.predict_proba(data.images[aside])
    torch.testing.assert_close(log_p[aside].exp().float(), wanted, atol=0.02, rtol=0)


def test_of_right_labels_none_is_suspicious() -> None:
    found = label_issues(torch.eye(4, dtype=torch.float64).mul(8).log_softmax(1), torch.arange(4), 10)
    assert len(found.index) == 0


def texts(figure: Figure) -> list[str]:
    return [each.get_text() for each in figure.findobj(Text) if isinstance(each, Text) and each.get_text()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_figure_tells_class_and_runner_up_and_their_numbers(mnist: Splits, language: Language) -> None:
    use_language(language)
    model = load(TUTORIAL)
    image = mnist.test.images[0].numpy()
    picture = picture_from_array(255 - np.pad(np.kron(image, np.ones((5, 5), np.uint8)), 30))
    (prediction,) = predict(model, [picture])
    explained = [(reading, *first_and_second(model, reading)) for reading in prediction.readings]
    figure = evidence_on_picture(picture, explained)
    said = " ".join(texts(figure))
    (_, first, second) = explained[0]
    assert first.label == "7"
    assert f"{first.logit:+.1f}" in said
    assert f"{second.bias:+.1f}" in said
    assert translate("explain.rather_than", label=first.label, other=second.label) in said


def test_evidence_lies_on_the_digit(mnist: Splits) -> None:
    """Drawn, the evidence of pixels falls on ink: where the picture is paper, nothing is coloured."""
    sheet = np.full((200, 300), 255, np.uint8)
    sheet[20:160, 130:270] -= np.kron(mnist.test.images[0].numpy(), np.ones((5, 5), np.uint8))
    picture = picture_from_array(sheet)
    model = load(TUTORIAL)
    (prediction,) = predict(model, [picture])
    (reading,) = prediction.readings
    shares = first_and_second(model, reading)[0].shares.numpy()
    row, column = np.nonzero(np.abs(shares) > 0.2 * np.abs(shares).max())
    x, y = reading.digit.affine @ np.stack([column + 0.5, row + 0.5, np.ones(len(row))])
    assert len(row) > 5
    assert np.mean(sheet[y.astype(int), x.astype(int)] < 200) > 0.9


def test_figures_of_a_run_name_labels_and_numbers(mnist: Splits) -> None:
    log_p = torch.full((50, 10), -5.0, dtype=torch.float64)
    log_p[:, 3] = -0.1
    found = label_issues(log_p, mnist.test.labels[:50], 20)
    said = " ".join(texts(suspicious_labels(mnist.test[:50], found, "suspicious_test")))
    assert "rather 3" in said
    assert f" {int(found.index[0])} " in f" {said} "
    drawn = typical_images(mnist.test, torch.arange(120).view(10, 12))
    assert [each for each in texts(drawn) if each.isdigit()] == list("0123456789")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_explain_a_picture(
    mnist: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(mnist.test.images[0].numpy()).save("seven.png")
    assert run("explain", "seven.png", "--model", TUTORIAL, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"] == ["seven-evidence.png"]
    assert Path("seven-evidence.png").read_bytes().startswith(b"\x89PNG")
    (digit,) = told["digits"]
    first, second = digit["evidence"]
    assert (first["class"], digit["label"]) == ("7", "7")
    assert first["logit"] > second["logit"]
    assert first["for"] + first["against"] + first["bias"] == pytest.approx(first["logit"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.png"], 1, "no such file"),
        (["blank.png"], 1, "nothing to explain"),
        (["blank.png", "--out", "here.jpg"], 2, ".png"),
        (["folder"], 1, "folder"),
        (["folder", "--model", TUTORIAL], 2, "--model is for a picture"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    arguments: list[object],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Image.new("L", (100, 100), 200).save("blank.png")
    assert run("explain", *arguments) == code
    told, errors = capsys.readouterr()
    assert told == ""
    assert len(errors.splitlines()) == 1
    assert words in errors
    assert sorted(each.name for each in tmp_path.iterdir()) == ["blank.png", "folder"]


def test_explain_a_run(mnist: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from softreg import Recipe, train

    small = Recipe.preset("tutorial").replace({"epochs": 1})
    folder = train(small, tmp_path / "run").path
    assert run("explain", folder, "--out", tmp_path / "figures", "--json") == 0
    told, progress = capsys.readouterr()
    answer = json.loads(told)
    names = {Path(each).name for each in answer["figures"]}
    assert names == {"class-templates.png", "typical-images.png", "suspicious-train-labels.png", "suspicious-test-labels.png"}
    assert {each.name for each in (tmp_path / "figures").iterdir()} == names
    assert len(progress.splitlines()) == 5
    for part, data in (("train", mnist.train), ("test", mnist.test)):
        for each in answer["suspicious"][part]:
            assert each["label"] == data.classes[int(data.labels[each["index"]])] != each["prediction"]
