"""How sure a model may be: learnt from training images it was not fitted on, never from the test images.

The last images of the training set are set aside, and the solver learns from the others, from the beginning: had it gone on from
weights that know all images, and ended before the optimum, a trace of what was set aside would be left. What that model says of the
images it has not seen decides two things for the model of all images: the temperature, and the limit of novelty.
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn.functional import log_softmax

from softreg.data.dataset import Dataset
from softreg.data.synthetic_outliers import synthetic_outliers
from softreg.features.feature_map import FeatureMap
from softreg.image_format import SIDE
from softreg.model.out_of_distribution import OODDetector, OODInputs
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective, logits_of, unpack
from softreg.optim.solver import Solver

STEPS = 50  # of Newton's method in one variable: a few suffice
SEED = 777
IMPOSTORS = 6000
NOVEL = 0.008  # the share of images set aside that may be called novel


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The T > 0 for which softmax(logits / T) gives the labels the largest likelihood; logits (N, C), labels int64 (N,).

    The mean negative log-likelihood is convex in b = 1/T, with slope mean(<p, z> - z_y) and curvature the mean variance of z under
    p (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
    """
    z = logits.double()
    z_label = z.gather(1, labels[:, None])[:, 0]  # (N,)
    b = 1.0
    for _ in range(STEPS):
        p = log_softmax(b * z, dim=1).exp()  # (N, C)
        mean = (p * z).sum(1)  # (N,)
        slope = float((mean - z_label).mean())
        curvature = float(((p * z.square()).sum(1) - mean.square()).mean())
        step = slope / max(curvature, 1e-12)
        b = min(max(b - step, b / 2), 2 * b)  # at most halved or doubled: far from the optimum the parabola misleads
        if abs(step) < 1e-10 * b:
            break
    return 1 / min(max(b, 1e-2), 1e2)  # of labels all named rightly, or all wrongly, there is no end to it


def calibrate(
    features: FeatureMap, objective: Objective, solver: Solver, start: Tensor, train: Dataset, held: int
) -> tuple[float, OODDetector | None]:
    """Temperature and novelty from the last `held` images of `train`, of which `objective` has the features.

    Novelty is None for images that are not 28 x 28 and grey.

    Where it has the features of copies too, they follow their images. `start` is where the solver begins, theta (C, D + 1).
    """
    matrix, seen, step = objective.matrix, len(train) - held, len(objective.matrix) // len(train)
    few = replace(objective, matrix=matrix.slice(0, step * seen))
    state = minimize(solver, few, start)
    unseen = matrix.slice(step * seen, step * len(train)).strided(step)
    logits = logits_of(unseen, state.theta)
    t = temperature(logits, unseen.labels)
    if train.image_shape != (SIDE, SIDE):  # the outliers are made of MNIST's kind of images
        return t, None
    novelty = OODDetector(matrix.dim, objective.classes).to(start.device)
    x, false = _impostors(features, train[:seen], state.theta / t)
    novelty.describe(few.matrix, x, SEED)
    novelty.learn(OODInputs(novelty.components_of(unseen), logits / t), OODInputs(novelty.components(x), false), NOVEL)
    return t, novelty


def _impostors(features: FeatureMap, train: Dataset, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Features (M, D) of impostors, and the logits (M, C) that theta (C, D + 1) gives them.

    One that was only turned, and is named as it had been, is none: a 0 lying down is a 0.
    """
    generator = Generator().manual_seed(SEED)
    images, was = synthetic_outliers(train.images.to(theta.device), train.labels.to(theta.device), IMPOSTORS, generator)
    x = features(images)
    weight, bias = unpack(theta)
    logits = torch.addmm(bias, x, weight.T)
    kept = logits.argmax(1) != was
    return x[kept], logits[kept]
