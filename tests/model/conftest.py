"""A calibrated model, trained once for all tests of this folder."""

import pytest

from softreg.data.dataset import Dataset, Splits
from softreg.recipe import Recipe
from softreg.training.fit import Fit, fit

RECIPE = Recipe(features="deskew", solver="lbfgs", l2=1e-2, tol=1e-7, calibration=1500)


@pytest.fixture(scope="package")
def train(mnist: Splits) -> Dataset:
    """4,500 training images; `fitted` holds out the last 1,500."""
    return mnist.train[:4500]


@pytest.fixture(scope="package")
def fitted(train: Dataset) -> Fit:
    """`RECIPE`, fitted to `train`."""
    return fit(RECIPE, train)
