"""The explanation of a run: what it reports is what the model, the data and the functions it is made of say."""

import json
from pathlib import Path

import pytest
import torch

from softreg.inference.explanation import N_ISSUES, N_PROTOTYPES, RunExplanation, explain_run
from softreg.inference.label_issues import FOLDS
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.train import train


@pytest.fixture(scope="module")
def run(small_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(Recipe(dataset=str(small_idx), epochs=3), tmp_path_factory.mktemp("runs") / "run", figures=False)


@pytest.fixture(scope="module")
def explained(run: Run) -> tuple[RunExplanation, list[int]]:
    folds: list[int] = []
    return explain_run(run, folds.append), folds


def test_every_fold_is_reported(explained: tuple[RunExplanation, list[int]]) -> None:
    assert explained[1] == list(range(FOLDS))


def test_templates_are_the_weights_and_prototypes_the_most_probable_images(
    run: Run, explained: tuple[RunExplanation, list[int]]
) -> None:
    found, model = explained[0], run.model()
    assert found.features == "pixels"
    assert torch.equal(found.templates.flatten(1), model.linear.weight.detach())
    p = torch.softmax(model.logits(found.splits.test.images).double(), 1)  # (N, C)
    assert found.prototypes.shape == (10, N_PROTOTYPES)
    for c, index in enumerate(found.prototypes):
        torch.testing.assert_close(p[index, c], p[:, c].topk(N_PROTOTYPES).values)


def test_issues_of_test_labels_are_the_most_improbable_wrong_ones(run: Run, explained: tuple[RunExplanation, list[int]]) -> None:
    found, test = explained[0].label_issues["test"], explained[0].splits.test
    p = torch.softmax(run.model().logits(test.images).double(), 1)  # (N, C)
    wrong = (p.argmax(1) != test.labels).nonzero()[:, 0]
    of_label = p[wrong, test.labels[wrong]]
    assert found.index.tolist() == wrong[of_label.argsort()][:N_ISSUES].tolist()


def test_its_json_names_classes_and_indices(explained: tuple[RunExplanation, list[int]]) -> None:
    found = explained[0]
    payload = json.loads(json.dumps(found.to_json()))
    assert payload["typical"] == {str(c): row for c, row in enumerate(found.prototypes.tolist())}
    for part, data in (("train", found.splits.train), ("test", found.splits.test)):
        assert 0 < len(payload["suspicious"][part]) <= N_ISSUES
        for issue in payload["suspicious"][part]:
            assert issue["label"] == data.classes[int(data.labels[issue["index"]])] != issue["prediction"]
