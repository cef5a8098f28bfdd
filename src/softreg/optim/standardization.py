"""Columns of any scale: the same problem in centred and scaled features, without copying a row.

With features x'_j = (x_j - m_j) / s_j, weights w'_j = s_j w_j and bias b' = b + sum_j w_j m_j all logits are the same, and so is
the objective if the penalty on w'_j is multiplied by 1 / s_j^2. What changes is the rounding: a timestamp (1.6e9 +- 1e7) and a
price no longer lose each other's digits. Scales are powers of two, which round nothing.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softreg.optim.objective import Objective

MAX_ROWS = 2000  # that columns are judged by
MIN_EXPONENT = -30  # of a scale, in powers of two, and the largest: squares of scales must be numbers, too
MAX_EXPONENT = {torch.float32: 60, torch.float64: 500}
ROUNDING = 4 * torch.finfo(torch.float64).eps
OFF_CENTRE = 4.0  # deviations of its mean from zero, above which a column is centred


@dataclass(frozen=True, eq=False)
class Standardized:
    """An objective in centred and scaled features, and the way back.

    Attributes
    ----------
    objective : over the features (x - centre) / scale
    centre : (D,), float64
    scale : (D,), float64, powers of two
    """

    objective: Objective
    centre: Tensor
    scale: Tensor

    def original(self, theta: Tensor, dtype: torch.dtype) -> Tensor:
        """Theta (C, D + 1) for the features as they were, rounded to `dtype`.

        The bias makes up for what rounding the weights does to the logits at the centre. Two classes get opposite rows, whose
        difference, all that counts, is not rounded again where it is taken.
        """
        theta = theta.double()
        if len(theta) == 2:
            half = theta.diff(dim=0) / 2
            theta = torch.cat([-half, half])
        weight = (theta[:, :-1] / self.scale).to(dtype)
        bias = theta[:, -1] - (weight.double() * self.centre).sum(1)  # of a centre of zero, if there is no bias
        return torch.cat([weight, bias[:, None].to(dtype)], dim=1)

    def standardized(self, theta: Tensor) -> Tensor:
        """Theta (C, D + 1), float64, for the centred and scaled features, from that for the features as they were."""
        weight, bias = theta[:, :-1].double(), theta[:, -1].double()
        return torch.cat([weight * self.scale, (bias + (weight * self.centre).sum(1))[:, None]], dim=1)


def standardize(objective: Objective) -> Standardized:
    """The same objective in centred and scaled features; of a matrix of floating point, on all ranks alike.

    Columns are centred only if they are far off, since it costs time in every pass.
    """
    matrix = objective.matrix
    some = matrix.sample(MAX_ROWS)
    x = some.all_gather(some.rows_at(torch.arange(len(some)))[0].double())
    mean, deviation = x.mean(0), x.std(0, correction=0)
    off = (mean.abs() > OFF_CENTRE * deviation) & objective.fit_intercept
    centre = torch.where(off, mean, 0).to(matrix.dtype)
    largest = (x - centre).abs().amax(0)
    constant = largest <= ROUNDING * centre.abs()  # but for the rounding of its mean
    scale = torch.exp2(
        torch.where(constant, 1, largest).log2().ceil().clamp(MIN_EXPONENT, MAX_EXPONENT.get(matrix.dtype, -MIN_EXPONENT))
    )
    l1 = objective.l1 if isinstance(objective.l1, float) else objective.l1 / scale
    scaled = replace(matrix, scale=1 / scale, centre=centre if bool(off.any()) else None)
    return Standardized(replace(objective, matrix=scaled, feature_penalty=scale**-2, l1=l1), centre.double(), scale)
