"""Labels that look wrong: those that a model which was not trained on them finds improbable.

This is confident learning (Northcutt, Jiang and Chuang, Journal of Artificial Intelligence Research 70, 2021): test images are
judged by the run's own model, training images by cross-validation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from softreg.compute.device import choose_device
from softreg.data.dataset import Dataset
from softreg.model.design import balanced_class_weight, design_matrix
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.initialization import initial_theta
from softreg.optim.objective import Objective, logits_of, pack
from softreg.optim.reduction import minimum
from softreg.optim.solvers.registry import SOLVERS, make_solver
from softreg.recipe import BALANCED, Recipe

FOLDS = 5
FOLD_TOL = 1e-4  # close enough to the optimum to recognise a wrong label


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """M labels that look wrong, the least probable first.

    Attributes
    ----------
    index : int64 (M,), the indices of the images
    label_probability : float64 (M,), the probability of the given label
    prediction : int64 (M,), the most probable class
    probability : float64 (M,), the probability of that class
    """

    index: Tensor
    label_probability: Tensor
    prediction: Tensor
    probability: Tensor

    def to_json(self, data: Dataset) -> list[dict[str, Any]]:
        """One mapping for each label; `data` is the dataset that was examined, and names the images: "a/7.png", "train.csv:17"."""
        columns = (self.index, self.label_probability, self.prediction, self.probability)
        return [
            {
                "index": i,
                "name": data.name_of(i),
                "label": data.classes[int(data.labels[i])],
                "probability_of_label": label_probability,
                "prediction": data.classes[prediction],
                "probability": probability,
            }
            for i, label_probability, prediction, probability in zip(*(column.tolist() for column in columns), strict=True)
        ]


def find_label_issues(log_probabilities: Tensor, labels: Tensor, count: int) -> LabelIssues:
    """The `count` least probable of the labels (N,) that are not the most probable class, by log p (N, C)."""
    of_label = log_probabilities.gather(1, labels[:, None])[:, 0]  # (N,)
    top, prediction = log_probabilities.max(1)
    order = of_label.argsort(stable=True)
    index = order[(prediction != labels)[order]][:count]
    return LabelIssues(index, of_label[index].exp(), prediction[index], top[index].exp())


@torch.no_grad()
def cross_val_log_proba(
    recipe: Recipe, model: SoftmaxRegression, train: Dataset, on_fold: Callable[[int], None] = lambda fold: None
) -> Tensor:
    """log p (N, C), float64, of each training image by a model that was not trained on it.

    Each fold holds out every fifth image, or group of images, and trains on the others with the recipe's solver, on the features
    of `model`, which are fitted without labels. A convex solver starts from the model's own weights. `on_fold(fold)` is called
    before each fold.
    """
    convex = SOLVERS[recipe.solver].finds_optimum
    loose = recipe.replace({"tol": max(recipe.tol, FOLD_TOL)}) if convex else recipe
    device = choose_device(recipe.device)
    balanced = recipe.class_weight == BALANCED
    class_weight = balanced_class_weight(train.labels, len(train.classes)) if balanced else None
    matrix = design_matrix(model.features.to(device), train, device, class_weight=class_weight)
    generator = Generator().manual_seed(recipe.seed)
    drawn = initial_theta(matrix.dim, len(train.classes), generator)
    start = pack(model.linear.weight.detach(), model.linear.bias.detach()) if convex else drawn
    fold_of = _folds(train).to(device)
    log_p = torch.empty(len(train), len(train.classes), dtype=torch.float64)
    for fold in fold_of.unique().tolist():
        on_fold(fold)
        held_out = fold_of == fold
        solver = make_solver(loose.solver, vars(loose), generator.get_state())
        objective = Objective(matrix.where(~held_out), len(train.classes), float(recipe.l2), label_smoothing=recipe.label_smoothing)
        theta = minimum(solver, objective, start.to(device))
        del objective  # its rows are a copy: freed before the next one is made
        log_p[held_out.cpu()] = logits_of(matrix.where(held_out), theta).double().log_softmax(1).cpu()
    return log_p


def _folds(train: Dataset) -> Tensor:
    """The fold of each image, int64 (N,): images of one group are in one fold, so that none is judged by its like."""
    if train.groups is None or len(train.groups.unique()) < 2:
        return torch.arange(len(train)) % FOLDS
    numbers: Tensor = train.groups.unique(return_inverse=True)[1]
    return numbers % FOLDS
