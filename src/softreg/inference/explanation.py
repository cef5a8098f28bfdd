"""Why a model says what it says: evidence on a digit's own pixels, what each class looks for, and labels that look wrong.

A logit is a sum, so it can be taken apart without remainder: z_c = b_c + sum_p e_c(p), e_c(p) being what pixel p says for class c
(`Features.attribute`). For labels, the model is asked about images it has not learnt from (confident learning: Northcutt, Jiang and
Chuang, Journal of Artificial Intelligence Research 70, 2021): of training images, by models that were each refused a fifth of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from softreg.compute.device import choose_device
from softreg.data.dataset import Dataset, Splits
from softreg.data.load import load_splits
from softreg.features.deskew import deskew
from softreg.inference.prediction import DigitPrediction
from softreg.model.design import design_matrix
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.initialization import initial_theta
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of, pack
from softreg.optim.solvers.registry import SOLVERS, make_solver
from softreg.recipe import Recipe
from softreg.runs.run import Run

FOLDS = 5
TYPICAL, SUSPICIOUS = 12, 20  # images told of each class, labels of each split
FOLD_TOL = 1e-4  # near enough to the optimum to see a wrong label
N_AVERAGED = 50  # images of each class that a template is the mean of
WEIGHTS = ("pixels", "deskew")  # the maps of which each feature is a pixel


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a digit's pixels say for one class.

    Attributes
    ----------
    label : the class
    shares : (28, 28), each pixel's; in the units of the logit
    logit, bias : logit = shares.sum() + bias
    """

    label: str
    shares: Tensor
    logit: float
    bias: float

    @property
    def speaking_for(self) -> float:
        """The sum of all that speaks for the class."""
        return float(self.shares.clamp_min(0).sum(dtype=torch.float64))

    @property
    def speaking_against(self) -> float:
        """The sum of all that speaks against it, negative."""
        return float(self.shares.clamp_max(0).sum(dtype=torch.float64))

    def to_json(self) -> dict[str, Any]:
        """The sums."""
        total = self.speaking_for + self.speaking_against
        return {
            "class": self.label,
            "logit": self.logit,
            "bias": self.bias,
            "evidence": total,
            "for": self.speaking_for,
            "against": self.speaking_against,
        }


def evidence(model: SoftmaxRegression, reading: DigitPrediction, c: int) -> Evidence:
    """What the pixels of a digit that was read say for class number `c`."""
    image = torch.from_numpy(reading.digit.image)[None]  # (1, 28, 28)
    weight, bias = model.linear.weight.detach(), model.linear.bias.detach()
    shares = model.features.attribute(image, weight[c])[0]
    return Evidence(model.classes[c], shares, float(reading.logits[c]), float(bias[c]))


def first_and_second(model: SoftmaxRegression, reading: DigitPrediction) -> tuple[Evidence, Evidence]:
    """The evidence for the most probable class and for its runner-up."""
    first, second = reading.logits.topk(2).indices.tolist()
    return evidence(model, reading, first), evidence(model, reading, second)


@torch.no_grad()
def templates(model: SoftmaxRegression, data: Dataset) -> Tensor:
    """What each class looks for, on upright digits: (C, 28, 28).

    Where each feature is a pixel, its weight. Other maps have no weight for a pixel: there it is what the pixels said for the
    class, in the mean of the first 50 images of it in `data`; a class without images gets zeros.
    """
    weight = model.linear.weight.detach()
    if model.features.name in WEIGHTS:
        return weight.view(-1, 28, 28).cpu()
    means = torch.zeros(len(model.classes), 28, 28)
    for c in range(len(model.classes)):
        images = data.images[data.labels == c][:N_AVERAGED]
        if len(images):
            upright = (255 * deskew(images)).round().to(torch.uint8)
            means[c] = model.features.attribute(upright, weight[c]).mean(0)
    return means


def prototypes(logits: Tensor, count: int) -> Tensor:
    """For each class the numbers of the `count` images it is surest of, by their log odds: int64 (C, count).

    Of logits z (N, C) the log odds are z_c - log sum_{k /= c} exp z_k; unlike probabilities they are never all one.
    """
    z = logits.double()
    others = torch.stack([z[:, [k for k in range(z.shape[1]) if k != c]].logsumexp(1) for c in range(z.shape[1])], 1)  # (N, C)
    return (z - others).T.topk(min(count, len(z)), dim=1).indices


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """Labels that a model which has not learnt from them finds improbable, the worst first.

    Attributes
    ----------
    index : int64 (M,), the images' numbers
    given : float64 (M,), the probability of the label each bears
    instead : int64 (M,), the class found most probable
    probability : float64 (M,), of that class
    """

    index: Tensor
    given: Tensor
    instead: Tensor
    probability: Tensor

    def to_json(self, data: Dataset) -> list[dict[str, Any]]:
        """One mapping a label."""
        rows = zip(self.index.tolist(), self.given.tolist(), self.instead.tolist(), self.probability.tolist(), strict=True)
        return [
            {
                "index": i,
                "label": data.classes[int(data.labels[i])],
                "probability_of_label": given,
                "prediction": data.classes[instead],
                "probability": probability,
            }
            for i, given, instead, probability in rows
        ]


def label_issues(log_probabilities: Tensor, labels: Tensor, count: int) -> LabelIssues:
    """The `count` labels (N,) that are least probable by log p (N, C), of those that are not the most probable class."""
    given = log_probabilities.gather(1, labels[:, None])[:, 0]  # (N,)
    top, instead = log_probabilities.max(1)
    order = given.argsort(stable=True)
    index = order[(instead != labels)[order]][:count]
    return LabelIssues(index, given[index].exp(), instead[index], top[index].exp())


@torch.no_grad()
def cross_val_log_proba(
    recipe: Recipe, model: SoftmaxRegression, train: Dataset, on_fold: Callable[[int], None] = lambda fold: None
) -> Tensor:
    """log p (N, C), float64, of each training image by a model that has not learnt from it.

    Every fifth image is set aside in turn and the recipe's solver learns from the others, on the features of `model`, which know no
    labels; a convex solver begins at the optimum of all images. `on_fold` is told the number of each fold before it begins.
    """
    loose = recipe if not SOLVERS[recipe.solver].finds_optimum else recipe.replace({"tol": max(recipe.tol, FOLD_TOL)})
    device = choose_device(recipe.device)
    matrix = design_matrix(model.features.to(device), train, device)
    generator = Generator().manual_seed(recipe.seed)
    drawn = initial_theta(matrix.dim, len(train.classes), generator)
    start = drawn if not SOLVERS[recipe.solver].finds_optimum else pack(model.linear.weight.detach(), model.linear.bias.detach())
    number = torch.arange(len(train), device=device)
    log_p = torch.empty(len(train), len(train.classes), dtype=torch.float64)
    for fold in range(FOLDS):
        on_fold(fold)
        aside = number % FOLDS == fold
        solver = make_solver(loose.solver, vars(loose), generator.get_state())
        objective = Objective(matrix.where(~aside), len(train.classes), float(recipe.l2))
        state = minimize(solver, objective, start.to(device))
        del objective
        held = matrix.where(aside)
        log_p[aside.cpu()] = logits_of(held, state.theta).double().log_softmax(1).cpu()
    return log_p


@dataclass(frozen=True, eq=False)
class RunExplanation:
    """What a run's model looks for, and which labels look wrong to it.

    Attributes
    ----------
    features : the map's name
    splits : the images it was trained and judged by
    templates : (C, 28, 28)
    prototypes : int64 (C, 12), numbers of test images
    suspicious : of "train" and of "test"
    """

    features: str
    splits: Splits
    templates: Tensor
    prototypes: Tensor
    suspicious: dict[str, LabelIssues]

    def to_json(self) -> dict[str, Any]:
        """The numbers of the images, and why."""
        parts = {"train": self.splits.train, "test": self.splits.test}
        return {
            "typical": dict(zip(self.splits.test.classes, self.prototypes.tolist(), strict=True)),
            "suspicious": {part: found.to_json(parts[part]) for part, found in self.suspicious.items()},
        }


def explain_run(run: Run, on_fold: Callable[[int], None] = lambda fold: None) -> RunExplanation:
    """Explain the model of a run; `on_fold` is told how far the search for wrong training labels has come.

    Raises
    ------
    SoftregError
        If the run cannot be read, or its data is not to be had.
    """
    model, recipe = run.model(), run.resolved_recipe
    splits = load_splits(recipe.dataset, recipe.validation)
    logits = model.logits(splits.test.images)
    suspicious = {
        "train": label_issues(cross_val_log_proba(recipe, model, splits.train, on_fold), splits.train.labels, SUSPICIOUS),
        "test": label_issues(logits.double().log_softmax(1), splits.test.labels, SUSPICIOUS),
    }
    return RunExplanation(model.features.name, splits, templates(model.cpu(), splits.test), prototypes(logits, TYPICAL), suspicious)
