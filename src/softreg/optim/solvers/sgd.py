"""Stochastic gradient descent, drawing its shuffles exactly as PyTorch's DataLoader does."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Generator, Tensor

from softreg.errors import SolverError
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.objective import Objective, outer, pack, unpack
from softreg.optim.solver import SolverState, State, Termination, TerminationReason

WORTH_THREADS = 2**19  # numbers in a batch (the lab's has 78,400)


@dataclass(frozen=True, eq=False)
class SGDState(SolverState):
    """The state of the random generator that draws the next shuffle."""

    generator: Tensor


@dataclass(frozen=True)
class SGD:
    """theta <- theta - lr * gradient of the mean over `batch_size` shuffled rows, each times its weight if it has one.

    One step is one epoch. Its cost is the mean cross-entropy of the rows, each with the weights just before its own update: with
    whole batches, the mean of the mini-batch losses. The penalty, like `torch.optim.SGD`'s weight decay, is not part of it.

    Parameters
    ----------
    epochs : passes over all rows
    batch_size : rows of a mini-batch, over all ranks
    lr : the learning rate
    drop_last : leave out the rows that do not fill a last mini-batch
    generator_state : of the `torch.Generator` that draws the shuffles
    """

    epochs: int
    batch_size: int
    lr: float
    drop_last: bool
    generator_state: Tensor

    state_type: ClassVar[type[SolverState]] = SGDState

    @property
    def total(self) -> int:
        """Epochs."""
        return self.epochs

    def start(self, objective: Objective, theta: Tensor) -> State:
        """The state at theta (C, D + 1), before the first epoch."""
        return State(theta, steps=0, cost=float("nan"), termination=None, solver_state=SGDState(self.generator_state))

    def step(self, objective: Objective, state: State) -> State:
        """One epoch: every row once, in a new order."""
        assert isinstance(state.solver_state, SGDState)
        generator = Generator()
        generator.set_state(state.solver_state.generator)
        order = shuffle(objective.matrix.n_rows_global, generator)
        if self.drop_last:
            order = order[: len(order) // self.batch_size * self.batch_size]
        weight, bias = unpack(state.theta)
        row_weights = _in_order(objective.matrix, order)
        cost, seen, n_rows = 0.0, 0.0, 0
        with _threads(self.batch_size * objective.matrix.dim):
            for rows, y, here in objective.matrix.gather_batches(order, self.batch_size):  # (M, D), (M,)
                w = None if row_weights is None else row_weights[n_rows : n_rows + len(y)].to(weight)  # (M,)
                logits = self._descend(rows, y, w, here, weight, bias, objective)  # (C, M)
                cost += float(objective.loss(logits.log_softmax(0), y, w))
                seen += len(y) if w is None else float(w.sum(dtype=objective.matrix.accumulate_dtype))
                n_rows += len(y)
        cost, seen = objective.matrix.reduce_over_ranks(
            torch.tensor([cost, seen], dtype=objective.matrix.accumulate_dtype, device=weight.device)
        ).tolist()
        done = replace(state, theta=pack(weight, bias), steps=state.steps + 1, cost=cost / seen)
        return replace(done, termination=self._termination(done, objective.classes), solver_state=SGDState(generator.get_state()))

    def _descend(
        self, rows: Tensor, y: Tensor, w: Tensor | None, here: list[int], weight: Tensor, bias: Tensor, objective: Objective
    ) -> Tensor:
        """Update weight (C, D) and bias (C,) in place, batch by batch; returns the logits (C, M) of each batch before its update.

        `w` (M,) are the weights of the rows, if they have any. `here` says how many of the M rows belong to each batch: all of it,
        or one rank's share. Each batch is converted to float in the same small buffer, which stays in cache. Classes are rows: ten
        long ones suit the product better than a hundred short.
        """
        matrix, decay, logits_before = objective.matrix, 1 - self.lr * objective.l2, []
        targets = objective.targets(y, weight)  # (C, M)
        buffer, column = weight.new_empty(max(here), matrix.dim), bias[:, None]  # (B, D), (C, 1)
        ones = weight.new_ones(max(here))
        batch_weights = [None] * len(here) if w is None else w.split(here)
        for size, batch, target, of_rows in zip(here, rows.split(here), targets.split(here, dim=1), batch_weights, strict=True):
            x, factor = matrix.cast_into(buffer[:size], batch)  # (B, D)
            logits = torch.addmm(column, weight, x.T, alpha=factor)  # (C, B)
            residual = torch.softmax(logits, dim=0).sub_(target)  # (C, B)
            if of_rows is not None:
                residual *= of_rows
            logits_before.append(logits)
            if matrix.all_reduce is None:  # gradient and update in one product
                rate = self.lr / size
                weight.addmm_(residual, x, beta=decay, alpha=-rate * factor)
                bias.addmv_(residual, ones[:size], alpha=-rate)
            else:
                sums = torch.cat([outer(residual, x.mul_(factor)).flatten(), residual.new_tensor([size])])
                sums = matrix.reduce_over_ranks(sums.to(matrix.accumulate_dtype))
                change = sums[:-1].mul_(self.lr / sums[-1]).view(len(weight), -1).to(weight.dtype)
                weight.mul_(decay).sub_(change[:, :-1])
                bias.sub_(change[:, -1])
        return torch.cat(logits_before, dim=1)

    def _termination(self, state: State, classes: int) -> Termination | None:
        if not state.theta.isfinite().all():
            raise SolverError("solvers.diverged", epoch=state.steps, lr=self.lr)
        if state.steps < self.epochs:
            return None
        guessing = math.log(classes)  # the cost of predicting 1/C for everything
        if state.cost > guessing:
            return Termination(TerminationReason.WORSE_THAN_GUESSING, {"cost": state.cost, "guessing": guessing, "lr": self.lr})
        return Termination(TerminationReason.EPOCHS_DONE, {"epochs": self.epochs})


@contextmanager
def _threads(numbers: int) -> Iterator[None]:
    """One thread while a batch holds few numbers: a second gains nothing, waits on a busy machine, changes the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if numbers < WORTH_THREADS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _in_order(matrix: DesignMatrix, order: Tensor) -> Tensor | None:
    """The weights of this rank's rows of `order` (global row numbers), in that order; None if the rows have none."""
    if matrix.weights is None:
        return None
    here = (order >= matrix.row_offset) & (order < matrix.row_offset + len(matrix))
    return matrix.weights[(order[here] - matrix.row_offset).to(matrix.weights.device)]


def shuffle(n: int, generator: Generator) -> Tensor:
    """The order (n,) in which `DataLoader(shuffle=True)` would visit n examples, drawn as it draws.

    The loader first draws a base seed for its workers (unused here), then `RandomSampler` draws the seed of a generator of its own,
    from which comes the permutation (torch/utils/data, `_BaseDataLoaderIter` and `RandomSampler.__iter__`).
    """
    torch.empty((), dtype=torch.int64).random_(generator=generator)
    seed = int(torch.empty((), dtype=torch.int64).random_(generator=generator))
    return torch.randperm(n, generator=Generator().manual_seed(seed))
