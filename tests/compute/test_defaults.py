"""Whatever a caller has set in torch, training, loading and asking give the same, and the caller's settings hold afterwards."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import softreg
from softreg.compute.defaults import default_torch
from softreg.exporting.export import to_bytes
from softreg.model.serialization import model_to_bytes
from softreg.training.train import train
from tests.helpers.small_mnist import recipes, small_mnist


@contextmanager
def changed(change: Callable[[Any], object], value: object, back: object) -> Iterator[None]:
    """Within the block a setting of the process has another value."""
    change(value)
    try:
        yield
    finally:
        change(back)


SETTINGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "none": nullcontext,
    "float64": lambda: changed(torch.set_default_dtype, torch.float64, torch.float32),
    "float16": lambda: changed(torch.set_default_dtype, torch.float16, torch.float32),
    "default device": lambda: changed(torch.set_default_device, "meta", None),
    "device block": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": lambda: changed(torch.use_deterministic_algorithms, True, False),
}


def state() -> tuple[object, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_mnist(tmp_path_factory.mktemp("small"), 300, 50)


def work(dataset: Path, folder: Path) -> list[object]:
    """What training by each solver, loading, asking, explaining, exporting and scikit-learn's face give."""
    given: list[object] = []
    for name, recipe in recipes(dataset, l2=1e-2, tol=1e-5, large_batch=300).items():
        run = train(recipe, folder / name, figures=False)
        given.append(run.result["model_sha256"])
        model = softreg.load(run.path)
        given += [model(np.zeros((2, 28, 28), np.uint8)).tolist(), model_to_bytes(model)[1], to_bytes(model, "json")]
        given.append(all(not parameter.is_inference() for parameter in model.parameters()))
    picture = np.pad(np.full((20, 4), 255, np.uint8), 4)
    given += [softreg.predict(picture, "best").to_json(), softreg.evaluate("best", dataset).to_json()]
    given.append(softreg.SoftmaxClassifier().fit([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]], [0, 1, 0]).coef_.tolist())
    return given


@pytest.fixture(scope="module")
def expected(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    return work(dataset, tmp_path_factory.mktemp("expected"))


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_the_caller_change_nothing_and_are_not_changed(
    setting: Callable[[], AbstractContextManager[object]], dataset: Path, expected: list[object], tmp_path: Path
) -> None:
    with setting():
        before = state()
        assert work(dataset, tmp_path) == expected
        assert state() == before


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_within_the_block_torch_is_as_it_starts(setting: Callable[[], AbstractContextManager[object]]) -> None:
    with setting(), default_torch():
        tensor = torch.ones(2, 2) @ torch.ones(2, 2)
        assert (tensor.dtype, tensor.device.type, tensor.is_inference()) == (torch.float32, "cpu", False)
    with torch.inference_mode(), default_torch(keep_inference_mode=True):
        assert torch.ones(1).is_inference()
