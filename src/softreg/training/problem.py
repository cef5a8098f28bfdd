"""What a recipe asks to be minimised on some images: the feature map, the objective, the solver and its start."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from softreg.compute.distributed import ProcessGroup
from softreg.compute.progress import report
from softreg.data.augmentation import augment
from softreg.data.dataset import Dataset
from softreg.data.idx import read_idx
from softreg.errors import RecipeError
from softreg.features.choice import AUTO, EMBEDDINGS
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import make_feature_map
from softreg.model.design import balanced_class_weight, design_matrices
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.initialization import initial_theta
from softreg.optim.l2_path import PathPoint, best_point, l2_path
from softreg.optim.objective import Objective
from softreg.optim.reduction import Reduction
from softreg.optim.solver import Solver
from softreg.optim.solvers.registry import SOLVERS, make_solver
from softreg.optim.standardization import Standardized, standardize
from softreg.recipe import BALANCED, Recipe

MIN_CALIBRATION = 2  # images


@dataclass(frozen=True, eq=False)
class Problem:
    """What to minimise, how, and from where.

    Attributes
    ----------
    features : the feature map, fitted
    objective : over the features of the images and their copies; over embeddings, of any scale, in standardised columns
    projections : what these features are computed from, the rows that a detector of outliers is fitted to
    reduction : the same as the solver sees it, in fewer dimensions if there are far more features than images
    path : the values of l2 that the objective's was chosen from; empty if the recipe has a number
    solver : how to minimise it
    finds_optimum : whether the solver goes to the optimum, from wherever it starts
    theta : (C, D + 1), the start
    standardized : the way back from the objective's columns to the features; None if they are the same
    """

    features: FeatureMap
    objective: Objective
    projections: DesignMatrix
    reduction: Reduction
    path: list[PathPoint]
    solver: Solver
    finds_optimum: bool
    theta: Tensor
    standardized: Standardized | None = None

    def of_features(self, theta: Tensor) -> Tensor:
        """What the solver's theta is for the features as the model has them, (C, D + 1)."""
        theta = self.reduction.lift(theta)
        return theta if self.standardized is None else self.standardized.original(theta, theta.dtype)


def make_problem(recipe: Recipe, train: Dataset, device: torch.device, group: ProcessGroup | None) -> Problem:
    """The problem of a recipe on the images of `train`, each rank of a group with its shard of them."""
    generator = Generator().manual_seed(recipe.seed)
    report("feature_map")
    features = make_feature_map(recipe.features, train.image_shape).to(device).fit(train.images.to(device), recipe.seed)
    objective, projections = _objective(recipe, train, features, device, group)
    theta = initial_theta(features.dim, len(train.classes), generator).to(device)
    finds_optimum = SOLVERS[recipe.solver].finds_optimum
    if finds_optimum:  # from any start; at zero the Hessian is known in closed form
        theta = torch.zeros_like(theta)
    solver = make_solver(recipe.solver, vars(recipe), generator.get_state())
    reduction, standardized = Reduction.of(objective, solver), None
    if recipe.features == EMBEDDINGS and finds_optimum and reduction.space is None:
        standardized = standardize(objective)
        objective, reduction = standardized.objective, Reduction(standardized.objective)
    path = l2_path(reduction.objective, recipe.copies, recipe.solver, vars(recipe)) if recipe.l2 == AUTO else []
    l2 = best_point(path).l2 if path else float(recipe.l2)
    objective, reduction = replace(objective, l2=l2), replace(reduction, objective=replace(reduction.objective, l2=l2))
    return Problem(features, objective, projections, reduction, path, solver, finds_optimum, theta, standardized)


def _objective(
    recipe: Recipe, train: Dataset, features: FeatureMap, device: torch.device, group: ProcessGroup | None
) -> tuple[Objective, DesignMatrix]:
    """The objective, its l2 still to be chosen, and the projections."""
    if recipe.copies:
        report("copies")
    augmented = augment(train, recipe.copies, recipe.seed)
    balanced = recipe.class_weight == BALANCED
    class_weight = balanced_class_weight(train.labels, len(train.classes)) if balanced else None
    matrix, projections = design_matrices(features, augmented, device, group, class_weight=class_weight)
    return Objective(matrix, len(train.classes), label_smoothing=recipe.label_smoothing), projections


def read_outliers(recipe: Recipe, train: Dataset) -> Tensor | None:
    """The recipe's own outliers (M, H, W), read before anything is trained; None if it has none."""
    if not recipe.outliers:
        return None
    images = read_idx(Path(recipe.outliers), 3)
    if images.shape[1:] != train.image_shape:
        shape, wanted = (" x ".join(map(str, s)) for s in (images.shape[1:], train.image_shape))
        raise RecipeError("recipe.outliers_shape", path=recipe.outliers, shape=shape, wanted=wanted)
    return images


def check_fits(recipe: Recipe, train: Dataset) -> None:
    """Raise a RecipeError if the recipe asks for more images than there are, leaves too few to learn from, or alters embeddings."""
    made = next((field for field in ("copies", "outliers", "size") if getattr(recipe, field)), None)
    if made and len(train.image_shape) == 1:
        raise RecipeError("embeddings.not_read", field=made, where=train.name)
    if "batch_size" in SOLVERS[recipe.solver].parameters and recipe.batch_size > len(train):
        raise RecipeError("recipe.batch_too_large", batch=recipe.batch_size, n=len(train))
    needed = max(recipe.batch_size if "batch_size" in SOLVERS[recipe.solver].parameters else 0, 2 * len(train.classes))
    most = len(train) - needed
    if recipe.calibration and not MIN_CALIBRATION <= recipe.calibration <= most:
        sizes = {"count": recipe.calibration, "n": len(train), "least": MIN_CALIBRATION, "most": max(most, 0)}
        raise RecipeError("recipe.calibration_size", **sizes)
