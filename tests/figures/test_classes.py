"""Figures of an explained run name labels and numbers."""

import torch

from softreg.data.dataset import Splits
from softreg.figures.classes import label_issue_grid, typical_images
from softreg.inference.label_issues import find_label_issues
from tests.helpers.figure_text import texts


def test_figures_of_a_run_name_labels_and_numbers(mnist: Splits) -> None:
    log_p = torch.full((50, 10), -5.0, dtype=torch.float64)
    log_p[:, 3] = -0.1
    found = find_label_issues(log_p, mnist.test.labels[:50], 20)
    text = " ".join(texts(label_issue_grid(mnist.test[:50], found, "Labels")))
    assert "predicted 3" in text
    assert f" {int(found.index[0])} " in f" {text} "
    drawn = typical_images(mnist.test, torch.arange(120).view(10, 12))
    assert [text for text in texts(drawn) if text.isdigit()] == list("0123456789")
