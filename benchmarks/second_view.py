"""Trial: `both` and 64 filters on the digit centred but not upright, with deformed copies of the training images.

::

    python -m benchmarks.second_view --copies 3 --l2 1e-3

Trains on all training images but the last 10,000 and prints after each iteration how many of those it misreads. With `--no-second`
it is `both` alone. Rows are kept in eight bits, validation features too; nothing is calibrated, and the test images are not read.
"""

import argparse

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from softreg.data.augmentation import augment
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.features.combined import Combined
from softreg.features.deskew import alignment, warp
from softreg.features.patches import Patches
from softreg.features.planes import DeskewedPlane
from softreg.features.pooled import Pooled
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of
from softreg.optim.solver import State
from softreg.optim.solvers.newton_type import solver_state
from softreg.optim.solvers.registry import make_solver
from softreg.recipe import Recipe

HELD_OUT, SEED = 10_000, 777


class CentredPlane(DeskewedPlane):
    """The digit centred, its slant kept."""

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (B, 28, 28) -> (B, 1, 28, 28)."""
        ink = images.float() / 255
        down, across = alignment(ink)
        return warp(ink, down, across.mean(1, keepdim=True))[:, None]


def feature_maps(known: Dataset, *, second: bool) -> list[Combined | Patches]:
    """The maps whose features stand side by side, fitted."""
    maps: list[Combined | Patches] = [Combined().fit(known.images, SEED)]
    if second:
        centred = Patches(n_filters=64)
        centred.planes = CentredPlane()
        maps.append(centred.fit(known.images, 1))
    return maps


def matrix(maps: list[Combined | Patches], data: Dataset) -> DesignMatrix:
    """The features of all images, in eight bits."""
    return DesignMatrix(torch.cat([m.quantised(data.images) for m in maps], 1), data.labels, scale=Pooled.quantum)


@torch.no_grad()
def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000, help="training images")
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--l2", type=float, default=1e-3)
    parser.add_argument("--tol", type=float, default=3e-3)
    parser.add_argument("--second", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    train = load_dataset("mnist").train
    known, unseen = train[: arguments.images], train[len(train) - HELD_OUT : len(train)]
    maps = feature_maps(known, second=arguments.second)
    validation = matrix(maps, unseen)
    objective = Objective(matrix(maps, augment(known, arguments.copies, SEED)), len(train.classes), l2=arguments.l2)

    def report(state: State) -> None:
        logits = logits_of(validation, state.theta)
        errors = int((logits.argmax(1) != unseen.labels).sum())
        loss, gap = float(cross_entropy(logits, unseen.labels)), float(solver_state(state).gap)
        print(f"iteration {state.steps}: {errors} errors, likelihood {loss:.4f}, cost {state.cost:.4f}, gap {gap:.1e}", flush=True)

    recipe = Recipe(features="both", solver="lbfgs", l2=arguments.l2, tol=arguments.tol)
    solver = make_solver("lbfgs", vars(recipe), torch.Generator().manual_seed(SEED).get_state())
    minimize(solver, objective, torch.zeros(len(train.classes), objective.matrix.dim + 1), on_step=report)


if __name__ == "__main__":
    main()
