"""A small network with weights made here, published by a mirror on this machine as torchvision publishes its own."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import get_weight, mobilenet_v3_small
from torchvision.transforms._presets import ImageClassification

from softreg.features.backbone_weights import load_network
from softreg.features.registry import FEATURE_MAPS, Backbone
from tests.helpers.http_mirror import Mirror, mirror

NAME, DIM = "mobilenet_v3_small", 576
BACKBONES: dict[str, Backbone] = {name: info.backbone for name, info in FEATURE_MAPS.items() if info.backbone}
WEIGHTS = get_weight(BACKBONES[NAME].weights)


def small_network(seed: int = 3) -> nn.Module:
    """The network with random weights, its activations normalised; the caller's random numbers are left alone."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        network: nn.Module = mobilenet_v3_small(weights=None)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0  # the statistics are those of the next batch
        network.train()(torch.randn(16, 3, 64, 64))
        return network.eval()


def as_published(state: object) -> dict[str, bytes]:
    """A file as torchvision publishes weights: named by the first digits of its SHA-256."""
    file = io.BytesIO()
    torch.save(state, file)
    return {f"{NAME}-{hashlib.sha256(file.getvalue()).hexdigest()[:8]}.pth": file.getvalue()}


@contextmanager
def backbone_mirror(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Mirror]:
    """An empty cache, and a mirror on this machine in place of torchvision's."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "SOFTREG_OFFLINE", "SOFTREG_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(cache))
    load_network.cache_clear()
    with mirror() as served:
        publish(served, as_published(small_network().state_dict()), monkeypatch)
        yield served
    load_network.cache_clear()


def publish(served: Mirror, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision's registry name this file, and a transform to images smaller than its own, which take long."""
    (file,) = files
    served.files = {f"/{file}": files[file]}
    monkeypatch.setattr(WEIGHTS.value, "url", f"{served.address}/{file}")
    monkeypatch.setattr(WEIGHTS.value, "transforms", partial(ImageClassification, crop_size=40, resize_size=48))
