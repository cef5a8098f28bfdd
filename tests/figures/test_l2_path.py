"""The figure of a regularization path: every point is drawn, and the one of least held-out loss is marked."""

import numpy as np
import pytest

from softreg.figures.house_style import to_png
from softreg.figures.l2_path import l2_curve
from softreg.optim.l2_path import PathPoint
from tests.helpers.figure_text import texts


def test_points_are_drawn_on_a_logarithmic_axis_and_the_best_is_marked() -> None:
    path = [PathPoint(l2, loss, accuracy) for l2, loss, accuracy in ((1e-1, 0.5, 0.8), (1e-2, 0.3, 0.9), (1e-3, 0.4, 0.95))]
    figure = l2_curve(path)
    above, below = figure.axes
    for axes, values in ((above, [0.5, 0.3, 0.4]), (below, [0.8, 0.9, 0.95])):
        drawn, mark = axes.lines
        assert np.asarray(drawn.get_xdata()).tolist() == [1e-1, 1e-2, 1e-3]
        assert np.asarray(drawn.get_ydata()).tolist() == pytest.approx(values)
        assert np.asarray(mark.get_xdata()).tolist() == [1e-2, 1e-2]
        assert axes.get_xscale() == "log"
    to_png(figure)  # tick labels are created only now
    assert {"0.001", "0.01", "0.1"} <= set(texts(figure))
    assert not any("$" in text for text in texts(figure))  # text is drawn as it is, so mathtext would be seen
    assert "0.01" in figure.texts[0].get_text()
