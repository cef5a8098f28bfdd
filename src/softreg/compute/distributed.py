"""Data-parallel training in several processes, on one machine or many: `torchrun --nproc-per-node N -m softreg train ...`.

All ranks run the same training with the same random draws, each on its shard of the rows; sums over rows are all-reduced.
Shards may differ in size by one row and are not padded. Rank 0 fetches the data, locks the run folder and writes it, and tells the
others what to train and from which checkpoint. With `--max-restarts`, torchrun starts all ranks again when one dies, and the
training goes on from the last checkpoint.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from softreg.errors import RunError
from softreg.messages import translate

if TYPE_CHECKING:
    from torch import Tensor


RESTARTS = "TORCHELASTIC_RESTART_COUNT"  # set by torchrun
MAX_PORT = 65535
GRACE_SECONDS = 5  # between SIGTERM and the forced exit


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together: number `rank` of `world_size`."""

    rank: int
    world_size: int

    def shard(self, n: int) -> slice:
        """This rank's rows out of n; shards differ by at most one row."""
        return slice(n * self.rank // self.world_size, n * (self.rank + 1) // self.world_size)

    def all_reduce(self, tensor: "Tensor") -> None:
        """Sum the tensor over all ranks, in place.

        Raises
        ------
        ConnectionError
            If another rank has died.
        """
        import torch.distributed

        try:
            torch.distributed.all_reduce(tensor)
        except RuntimeError as error:
            raise ConnectionError(translate("ranks.lost", rank=self.rank)) from error

    def broadcast(self, raw: bytes = b"") -> bytes:
        """The bytes that rank 0 passes, on every rank; waits until all ranks have reached this line."""
        import numpy as np
        import torch

        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        raw = raw if self.rank == 0 else b""
        size = torch.tensor([len(raw)], device=device)
        self.all_reduce(size)
        content = torch.zeros(int(size), dtype=torch.uint8, device=device)
        content[: len(raw)] = torch.from_numpy(np.frombuffer(bytearray(raw), np.uint8))
        self.all_reduce(content)
        return content.cpu().numpy().tobytes()


def is_distributed() -> bool:
    """Whether torchrun started this process as one of several."""
    return _variable("WORLD_SIZE", "1") > 1 and "MASTER_ADDR" in os.environ


def is_worker() -> bool:
    """Whether this process has a rank above 0: it computes, but neither prints nor writes."""
    return is_distributed() and os.environ.get("RANK", "0") != "0"


def is_restarted() -> bool:
    """Whether torchrun has started this job again after a rank died (`--max-restarts`)."""
    return is_distributed() and os.environ.get(RESTARTS, "0") != "0"


def _variable(name: str, default: str = "") -> int:
    """The number that torchrun puts into this environment variable.

    Raises
    ------
    RunError
        If it is none: another program may have set it.
    """
    text = os.environ.get(name, default)
    if not (text.isascii() and text.isdecimal()):
        raise RunError("ranks.bad_variable", name=name, value=repr(text))
    return int(text)


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup | None]:
    """Yield the process group once all ranks have joined; None for a single process. `device` is the recipe's."""
    if not is_distributed():
        yield None
        return
    if sys.platform == "win32":
        raise RunError("ranks.windows")
    if _variable("MASTER_PORT") > MAX_PORT or _variable("RANK") >= _variable("WORLD_SIZE"):  # torch would wait half an hour
        raise RunError(
            "ranks.no_such_rank", rank=os.environ["RANK"], ranks=os.environ["WORLD_SIZE"], port=os.environ["MASTER_PORT"]
        )
    import torch
    from torch import distributed
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    from softreg.compute.device import choose_device

    backend = "gloo"
    if choose_device(device).type == "cuda":
        backend = "nccl"
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # "cuda" means this one from now on
    store, rank, world_size = next(rendezvous("env://"))
    # torchrun's store outlives the ranks, and still has the addresses of those that a restart has replaced
    store = PrefixStore(f"softreg/{os.environ.get(RESTARTS, '0')}", store)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    group = ProcessGroup(distributed.get_rank(), distributed.get_world_size())

    with _ending_on_sigterm(translate("ranks.lost", rank=group.rank)):
        yield group
    distributed.destroy_process_group()


@contextmanager
def _ending_on_sigterm(lost: str) -> Iterator[None]:
    """End with the sentence `lost` on SIGTERM, which torchrun sends when another rank has ended."""

    def on_sigterm(*_: object) -> NoReturn:
        raise ConnectionError(lost)

    before = signal.signal(signal.SIGTERM, on_sigterm)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    fd_before = signal.set_wakeup_fd(write_end)
    threading.Thread(target=_exit_after_grace, args=(read_end, lost), daemon=True).start()
    try:
        yield
    except BaseException:
        signal.signal(signal.SIGTERM, lambda *_: None)  # the process ends anyway, with the line of this error and no traceback
        raise
    signal.set_wakeup_fd(fd_before)
    os.close(write_end)
    signal.signal(signal.SIGTERM, before)


def _exit_after_grace(signals: int, line: str) -> None:
    """Exit `GRACE_SECONDS` after SIGTERM if the process still runs; `signals` is a pipe that receives the numbers of all signals.

    While gloo waits for a rank that has died, Python's signal handler does not run: that happened in one kill of forty.
    """
    while numbers := os.read(signals, 64):
        if signal.SIGTERM in numbers:
            time.sleep(GRACE_SECONDS)
            os.write(2, f"softreg: {line}\n".encode())
            os._exit(1)  # like a kill: nothing is left half-written
    os.close(signals)
