"""Calibration of probabilities and of the out-of-distribution detector, on training images held out from the solver.

The last images of the training set are held out, and the solver is run on the others from its usual start: continuing from weights
that know all images, and stopping before the optimum, would leave a trace of the held-out ones. What that model predicts for them
gives the model of all images its temperature and the threshold of its detector. Test images are never used. Of embeddings there is
a temperature alone: outliers are made of images.
"""

from dataclasses import replace
from math import prod

import torch
from torch import Generator, Tensor
from torch.nn.functional import log_softmax

from softreg.compute.progress import report
from softreg.data.dataset import Dataset
from softreg.data.paper import are_written_on_paper
from softreg.data.picture_outliers import picture_outliers
from softreg.data.synthetic_outliers import synthetic_outliers
from softreg.features.feature_map import FeatureMap
from softreg.model.detectors import make_detector
from softreg.model.out_of_distribution import Examples, OODDetector
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective, logits_of, unpack
from softreg.optim.percent_done import percent_done
from softreg.optim.reduction import minimum
from softreg.optim.solver import Solver

MAX_STEPS = 50  # of Newton's method in one variable: a few suffice
MAX_LOGITS = 2**22  # whose probabilities are in memory at a time
SEED = 777
N_OUTLIERS, N_PICTURE_OUTLIERS, MIN_PICTURE_OUTLIERS = 6000, 2000, 400
MAX_PICTURE_NUMEL = 2**28  # bytes of outliers


def temperature(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> float:
    """The T > 0 that maximises the likelihood of labels int64 (N,), weighted if asked, under softmax(logits / T), logits (N, C).

    The mean negative log-likelihood is convex in b = 1/T, with slope mean(<p, z> - z_y) and curvature the mean variance of z under
    p (Guo et al., On Calibration of Modern Neural Networks, ICML 2017). If all predictions are right there is no maximum; then 1.
    """
    if bool((logits.argmax(1) == labels).all()):
        return 1.0  # the likelihood only grows as b does: so few images say nothing of how sure to be
    z_label = logits.gather(1, labels[:, None])[:, 0].double()  # (N,)
    w, b = None if weights is None else weights.double() / weights.double().sum(), 1.0

    def weighted_mean(values: Tensor) -> float:
        return float(values.mean() if w is None else values @ w)

    for _ in range(MAX_STEPS):
        parts = zip(*(_moments(b, part.double()) for part in logits.split(max(1, MAX_LOGITS // logits.shape[1]))), strict=True)
        mean, variance = (torch.cat(part) for part in parts)  # (N,)
        step = weighted_mean(mean - z_label) / max(weighted_mean(variance), 1e-12)
        b = min(max(b - step, b / 2), 2 * b)  # at most halved or doubled: far from the optimum the quadratic model misleads
        if abs(step) < 1e-10 * b:
            break
    return 1 / min(max(b, 1e-2), 1e2)  # if all predictions are wrong, there is no optimum


def _moments(b: float, z: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the variance (N,) of each row of z (N, C) under softmax(b z)."""
    p = log_softmax(b * z, dim=1).exp()
    mean = (p * z).sum(1)
    return mean, (p * z.square()).sum(1) - mean.square()


def calibrate(
    features: FeatureMap,
    objective: Objective,
    projections: DesignMatrix,
    solver: Solver,
    start: Tensor,
    train: Dataset,
    held_out: int,
    outliers: Tensor | None = None,
) -> tuple[float, OODDetector | None]:
    """The temperature and a fitted detector, from the last `held_out` images of `train`; no detector of embeddings.

    Parameters
    ----------
    features : the feature map, fitted
    objective, projections : of `train`; augmented copies, if any, follow their images
    solver, start : as the model of all images was trained, from theta `start` (C, D + 1)
    train : the training images
    held_out : how many
    outliers : images of no class, uint8 (M, 28, 28), for the detector to learn beside the synthetic ones
    """
    matrix, n_fitted = objective.matrix, len(train) - held_out
    step = matrix.n_rows_global // len(train)  # an image and its copies
    first, end = step * n_fitted, step * len(train)
    fitted = replace(objective, matrix=matrix.slice(0, first))
    theta = minimum(solver, fitted, start, lambda state: report("calibration", percent_done(solver, state), 100))
    unseen = matrix.slice(first, end).strided(step)
    logits = unseen.all_gather(logits_of(unseen, theta))
    weights = None if unseen.weights is None else unseen.all_gather(unseen.weights)
    t = temperature(logits, unseen.all_gather(unseen.labels), weights)
    if len(train.image_shape) == 1:  # nothing is known of what is no embedding of an image
        return t, None
    report("detector")
    detector = make_detector(features, objective.classes).to(start.device)
    x, outlier_logits = _outliers(features, train[:n_fitted], theta / t, outliers)
    held_out_projections = projections.slice(first, end).strided(step)
    images = matrix.slice(0, first), projections.slice(0, first), unseen, held_out_projections, logits / t
    detector.fit(features, Examples(*images, x, outlier_logits))
    return t, detector


def _outliers(features: FeatureMap, train: Dataset, theta: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
    """Projections (M, P) of synthetic outliers and of the `given` ones, and their logits (M, C) for theta (C, D + 1).

    An image that was turned, or otherwise changed, and is still predicted as its original class is left out: a 0 lying down is a 0.
    """
    generator = Generator().manual_seed(SEED)
    make, count = (synthetic_outliers, N_OUTLIERS) if are_written_on_paper(train) else (picture_outliers, _n_pictures(train))
    images, original_label = make(train.images.to(theta.device), train.labels.to(theta.device), count, generator)
    if given is not None:
        images = torch.cat([images, given.to(images.device)])
        original_label = torch.cat([original_label, original_label.new_full((len(given),), -1)])
    projections = features.projections(images)
    logits = features.outputs(projections, *unpack(theta))
    outlier = logits.argmax(1) != original_label
    return projections[outlier], logits[outlier]


def _n_pictures(train: Dataset) -> int:
    """How many outliers there are among pictures: 2,000, of large ones fewer."""
    return min(N_PICTURE_OUTLIERS, max(MIN_PICTURE_OUTLIERS, MAX_PICTURE_NUMEL // prod(train.image_shape)))
