"""Figures of a training: one colour scale for all templates, whole numbers of epochs."""

import numpy as np
import torch

from softreg.figures.training import class_templates, learning_curve


def test_templates_are_white_at_zero_and_one_scale_for_all() -> None:
    templates = torch.zeros(10, 28, 28)
    templates[3, 10:18, 10:18] = 1.0
    templates[4, 10:18, 10:18] = -1.0
    figure = class_templates(templates, "0123456789", "")
    images = [axes.images[0] for axes in figure.axes[:10]]
    assert len({image.get_clim() for image in images}) == 1
    low, high = images[0].get_clim()
    assert low == -high
    assert np.allclose(images[0].to_rgba(np.zeros((1, 1)))[0, 0, :3], 0.97, atol=0.03)


def test_one_epoch_is_a_whole_number() -> None:
    figure = learning_curve([0.5], "epoch")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1]
