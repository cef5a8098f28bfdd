"""Trial: a feature map with deformed copies of the training images, the validation errors after each iteration.

::

    python -m benchmarks.second_view --features views --copies 3 --l2 1e-3

Trains on all training images but the last 10,000 and prints after each iteration how many of those it misreads. With `--features
both` there is no second view of the digit. Rows are kept in eight bits, validation features too; nothing is calibrated, and the
test images are not read.
"""

import argparse

import torch
from torch.nn.functional import cross_entropy

from softreg.data.augmentation import augment
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import IMAGE_MAPS, make_feature_map
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of
from softreg.optim.solver import State
from softreg.optim.solvers.newton_type import solver_state
from softreg.optim.solvers.registry import make_solver
from softreg.recipe import Recipe

HELD_OUT, SEED = 10_000, 777


def matrix(features: FeatureMap, data: Dataset) -> DesignMatrix:
    """The features of all images, as they are stored for training."""
    return DesignMatrix(features.quantised(data.images), data.labels, scale=features.quantum)


@torch.no_grad()
def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000, help="training images")
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--l2", type=float, default=1e-3)
    parser.add_argument("--tol", type=float, default=3e-3)
    parser.add_argument("--features", choices=IMAGE_MAPS, default="views")
    arguments = parser.parse_args()
    train = load_dataset("mnist").train
    known, unseen = train[: arguments.images], train[len(train) - HELD_OUT : len(train)]
    features = make_feature_map(arguments.features).fit(known.images, SEED)
    validation = matrix(features, unseen)
    objective = Objective(matrix(features, augment(known, arguments.copies, SEED)), len(train.classes), l2=arguments.l2)

    def report(state: State) -> None:
        logits = logits_of(validation, state.theta)
        errors = int((logits.argmax(1) != unseen.labels).sum())
        loss, gap = float(cross_entropy(logits, unseen.labels)), float(solver_state(state).gap)
        print(f"iteration {state.steps}: {errors} errors, likelihood {loss:.4f}, cost {state.cost:.4f}, gap {gap:.1e}", flush=True)

    recipe = Recipe(features=arguments.features, solver="lbfgs", l2=arguments.l2, tol=arguments.tol)
    solver = make_solver("lbfgs", vars(recipe), torch.Generator().manual_seed(SEED).get_state())
    minimize(solver, objective, torch.zeros(len(train.classes), objective.matrix.dim + 1), on_step=report)


if __name__ == "__main__":
    main()
