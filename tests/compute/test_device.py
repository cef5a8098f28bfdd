"""The device: what this machine has, and a line about what it has not."""

import pytest
import torch

from softreg.compute.device import accumulate_dtype, choose_device
from softreg.errors import RecipeError


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_cuda_then_mps_then_cpu(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto").type == expected
    assert choose_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=False, mps=True)
    with pytest.raises(RecipeError, match="mps, cpu") as refused:
        choose_device("cuda")
    assert "cuda" in str(refused.value)


@pytest.mark.parametrize(("name", "dtype"), [("cpu", torch.float64), ("cuda", torch.float64), ("mps", torch.float32)])
def test_sums_are_float64_but_where_metal_has_none(name: str, dtype: torch.dtype) -> None:
    assert accumulate_dtype(torch.device(name)) is dtype
