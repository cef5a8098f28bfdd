"""A run explained: what each class looks for, its most typical images, and labels that look wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from softreg.compute.defaults import default_torch
from softreg.data.dataset import Splits
from softreg.inference.attribution import prototypes, templates
from softreg.inference.label_issues import LabelIssues, cross_val_log_proba, find_label_issues
from softreg.runs.data import run_splits
from softreg.runs.run import Run

N_PROTOTYPES, N_ISSUES = 12, 20  # images reported for each class, labels for each split


@dataclass(frozen=True, eq=False)
class RunExplanation:
    """What a run's model looks for, and the labels that look wrong to it.

    Attributes
    ----------
    features : the name of the feature map
    splits : the images it was trained and tested on
    templates : (C, 28, 28)
    prototypes : int64 (C, 12), indices of test images
    label_issues : those of "train" and of "test"
    """

    features: str
    splits: Splits
    templates: Tensor
    prototypes: Tensor
    label_issues: dict[str, LabelIssues]

    def to_json(self) -> dict[str, Any]:
        """The indices of the images, and of each label what speaks against it."""
        parts = {"train": self.splits.train, "test": self.splits.test}
        return {
            "typical": dict(zip(self.splits.test.classes, self.prototypes.tolist(), strict=True)),
            "suspicious": {part: issues.to_json(parts[part]) for part, issues in self.label_issues.items()},
        }


@default_torch()
def explain_run(run: Run, on_fold: Callable[[int], None] = lambda fold: None, *, data: Any = None) -> RunExplanation:
    """Explain the model of a run; `on_fold(fold)` is called before each fold of the cross-validation on training labels.

    `data` takes the place of the recipe's dataset.

    Raises
    ------
    SoftregError
        If the run cannot be read, or its data is not available.
    """
    model, recipe = run.model(), run.resolved_recipe
    model.check_has_evidence()
    splits = run_splits(run, data)
    train_log_p = cross_val_log_proba(recipe, model, splits.train, on_fold)  # (N, C)
    logits = model.cpu().logits(splits.test.images)
    issues = {
        "train": find_label_issues(train_log_p, splits.train.labels, N_ISSUES),
        "test": find_label_issues(logits.double().log_softmax(1), splits.test.labels, N_ISSUES),
    }
    return RunExplanation(model.features.name, splits, templates(model, splits.test), prototypes(logits, N_PROTOTYPES), issues)
