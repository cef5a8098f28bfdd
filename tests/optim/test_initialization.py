"""The random start draws what nn.Linear draws, from a generator of its own."""

import pytest
import torch
from torch import Generator, nn

from softreg.optim.initialization import initial_theta


@pytest.mark.parametrize(("dim", "classes", "seed"), [(784, 10, 777), (3, 2, 0), (6017, 26, 1)])
def test_it_draws_what_nn_linear_draws(dim: int, classes: int, seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        linear = nn.Linear(dim, classes)
    before = torch.get_rng_state()
    theta = initial_theta(dim, classes, Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(theta[:, :-1], linear.weight)
    assert torch.equal(theta[:, -1], linear.bias)
