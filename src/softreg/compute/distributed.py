"""Several processes, on one machine or many, each with its share of the rows: `torchrun --nproc-per-node N -m softreg train ...`.

Every rank goes through the same training with the same random draws; wherever rows are summed, so are the ranks. Shares of unequal
size are exact, not padded. Rank 0 fetches the data, holds the run folder and writes it; the others follow.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from softreg.messages import translate

if TYPE_CHECKING:
    from torch import Tensor


GRACE_SECONDS = 5  # seconds that a process which is told to end has for ending in good order


@dataclass(frozen=True)
class ProcessGroup:
    """This process among its fellows: number `rank` of `size`."""

    rank: int
    size: int

    def shard(self, n: int) -> slice:
        """Which of n rows are this rank's: as many as any other's, or one more."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def all_reduce(self, tensor: "Tensor") -> None:
        """The tensor, summed over all ranks in place.

        Raises
        ------
        ConnectionError
            If another rank has ended.
        """
        import torch.distributed

        try:
            torch.distributed.all_reduce(tensor)
        except RuntimeError as error:
            raise ConnectionError(translate("ranks.lost", rank=self.rank)) from error

    def barrier(self) -> None:
        """Go on when all ranks have come here."""
        import torch

        self.all_reduce(torch.zeros(1, device="cuda" if torch.distributed.get_backend() == "nccl" else "cpu"))


def is_distributed() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ


def is_worker() -> bool:
    """Whether this process is one of several, and not the first: it computes, and neither prints nor writes."""
    return is_distributed() and os.environ.get("RANK", "0") != "0"


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup | None]:
    """The ranks, once all have met; None if this process is alone. `device` is the recipe's."""
    if not is_distributed():
        yield None
        return
    import torch
    from torch import distributed

    from softreg.compute.device import choose_device

    if choose_device(device).type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # what "cuda" means from now on
        distributed.init_process_group("nccl")
    else:
        distributed.init_process_group("gloo")
    ranks = ProcessGroup(distributed.get_rank(), distributed.get_world_size())

    lost = translate("ranks.lost", rank=ranks.rank)

    def on_sigterm(*_: object) -> NoReturn:  # by torchrun, since another rank has ended
        raise ConnectionError(lost)

    before = signal.signal(signal.SIGTERM, on_sigterm)
    ends, told = os.pipe()
    os.set_blocking(told, False)
    fd_before = signal.set_wakeup_fd(told)
    threading.Thread(target=_exit_after_grace, args=(ends, lost), daemon=True).start()
    yield ranks
    signal.set_wakeup_fd(fd_before)
    os.close(told)
    signal.signal(signal.SIGTERM, before)
    distributed.destroy_process_group()


def _exit_after_grace(ends: int, line: str) -> None:
    """End this process if it is told to and does not: where gloo waits for a rank that has gone, Python's handler never runs.

    One kill in forty found it so. What is told is read from the pipe `ends`, where every signal leaves its number at once.
    """
    while numbers := os.read(ends, 64):
        if signal.SIGTERM in numbers:
            time.sleep(GRACE_SECONDS)
            os.write(2, f"softreg: {line}\n".encode())
            os._exit(1)  # as safe as being killed
    os.close(ends)
