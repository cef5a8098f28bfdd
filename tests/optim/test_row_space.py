"""The coordinates of rows in the space they span: the same inner products, logits and lengths."""

import numpy as np
import pytest

from softreg.optim.row_space import RowSpace


@pytest.mark.parametrize("centre", [True, False])
def test_logits_and_lengths_are_the_same(centre: bool) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 50)) + 3
    rows[7] = rows[3]  # a duplicate: the rows span one dimension fewer
    space = RowSpace.of(rows, centre=centre)
    reduced = rng.normal(size=(4, 20)) @ space.coordinates  # combinations of the rows, as the weights at a minimum are
    theta = space.lift(np.column_stack([reduced, rng.normal(size=4)]))
    projected = space.project(theta)
    np.testing.assert_allclose(projected[:, :-1] @ space.coordinates.T, theta[:, :-1] @ space.centred.T, atol=1e-6)
    np.testing.assert_allclose(
        space.coordinates @ projected[:, :-1].T + projected[:, -1], rows @ theta[:, :-1].T + theta[:, -1], atol=1e-6
    )
    np.testing.assert_allclose((theta[:, :-1] ** 2).sum(), (reduced**2).sum())
    np.testing.assert_allclose(space.lift(projected), theta, atol=1e-6)
    np.testing.assert_allclose(space.coordinates @ space.coordinates.T, space.centred @ space.centred.T, atol=1e-9)


def test_equal_rows_span_nothing() -> None:
    space = RowSpace.of(np.full((5, 30), 7.0))
    assert np.isfinite(space.lift(np.ones((2, 6)))).all()
