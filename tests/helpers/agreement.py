"""Whether two programs classify alike."""

import numpy as np
from numpy.typing import NDArray


def agree(found: NDArray[np.float32], expected: NDArray[np.float32], atol: float = 1e-4) -> None:
    """Assert that logits (N, C) are the same to `atol`, and so is every prediction that rounding cannot decide."""
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    two = np.sort(expected, 1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2 * atol  # nearer than that, rounding may decide
    assert clear.mean() > 0.999
    assert (found.argmax(1) == expected.argmax(1))[clear].all()
