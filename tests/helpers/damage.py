"""Damage done to files of a run."""

import torch

from softreg.model.serialization import save_model
from softreg.runs.run import MODEL, Run


def flip_a_bit(run: Run) -> None:
    """The last bit of one weight, in a file that is whole in every other respect."""
    model = run.model()
    with torch.no_grad():
        model.linear.weight[3, 400:401].view(torch.int32).bitwise_xor_(1)
    save_model(model, run.path / MODEL)
