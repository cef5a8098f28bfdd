"""More features than rows: the same problem in as many features as there are rows.

The weights at the minimum are combinations of the centred rows (the representer theorem; Hastie and Tibshirani, Efficient quadratic
regularization for expression arrays, Biostatistics 5, 2004). With the Cholesky decomposition X X^T = L L^T, the rows of L have the
same inner products as those of X, so the penalty is the same for the weights V of L and W = V L^-1 X.

Importing this does not import torch.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

LIFT = 1e-15  # of the trace of the Gram matrix: it is singular, since the centred rows sum to zero


@dataclass(frozen=True, eq=False)
class RowSpace:
    """The space that N rows of D features span, in float64.

    Attributes
    ----------
    mean : (D,), of the rows; zero if they are not centred
    centred : (N, D), the rows without their mean
    coordinates : (N, N), L: rows of N features, with the same inner products
    """

    mean: NDArray[np.float64]
    centred: NDArray[np.float64]
    coordinates: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[Any], *, centre: bool = True) -> Self:
        """The space of the rows (N, D); without a bias they must not be centred."""
        mean = rows.mean(0, dtype=np.float64) if centre else np.zeros(rows.shape[1])
        centred = rows - mean
        gram = centred @ centred.T  # (N, N)
        gram.flat[:: len(gram) + 1] += LIFT * gram.trace() + np.finfo(np.float64).tiny
        return cls(mean, centred, np.linalg.cholesky(gram))

    def project(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """The theta (C, N + 1) that gives the coordinates the logits that theta (C, D + 1) gives the rows."""
        weight = solve_triangular(self.coordinates, self.centred @ theta[:, :-1].T, lower=True).T  # (C, N)
        return np.column_stack([weight, theta[:, -1] + theta[:, :-1] @ self.mean])

    def lift(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """The theta (C, D + 1) that gives the rows the logits that theta (C, N + 1) gives the coordinates; linear in theta."""
        weight = solve_triangular(self.coordinates, theta[:, :-1].T, lower=True, trans=1).T @ self.centred  # (C, D)
        return np.column_stack([weight, theta[:, -1] - weight @ self.mean])
