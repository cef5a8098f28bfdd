"""One evaluation, drawn by many tests of this folder."""

import pytest

from softreg.data.dataset import Splits
from softreg.inference.evaluation import Evaluation, evaluate
from softreg.runs.run import Run


@pytest.fixture(scope="package")
def evaluation(tutorial_run: Run, mnist: Splits) -> Evaluation:
    """The tutorial's model, evaluated on MNIST's test images."""
    return evaluate(tutorial_run.model(), mnist.test)
